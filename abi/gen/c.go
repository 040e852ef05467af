package main

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
)

const cTop = `/* %[1]s
 *
 * wnode.h: what a WebAssembly guest in C or C++ can ask of its node. It needs no libc.
 *
 * Functions that return int32_t give a count, a length or 0, or one of enum wnode_error when below 0.
 * Reading into a buffer returns the full length; when that is larger than the buffer, nothing was
 * consumed: make a larger buffer and call again. Times are nanoseconds. Strings are UTF-8 and are
 * passed with their length; WNODE_STR does both for a literal. An address that is not the guest's ends it.
 */
#ifndef WNODE_H
#define WNODE_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define WNODE_ABI_VERSION %[2]d

/* The timeout that never comes. */
#define WNODE_INFINITY ((int64_t)%[3]d)

/* A string literal as two arguments, its bytes and their number: wnode_whereis(WNODE_STR("echo"), &pid). */
#define WNODE_STR(literal) (literal), (uint32_t)(sizeof(literal) - 1)

/* The private CBOR tags of terms: byte strings of 16 bytes for pids and refs. */
#define WNODE_TAG_PID %[4]d
#define WNODE_TAG_REF %[5]d
#define WNODE_TAG_FUNCTION %[6]d

/* The kinds of messages, from wnode_message_kind. */
#define WNODE_MESSAGE_USER %[7]d
#define WNODE_MESSAGE_EXIT %[10]d
#define WNODE_MESSAGE_DOWN %[8]d
#define WNODE_MESSAGE_TRACE %[17]d
#define WNODE_MESSAGE_NODE %[18]d

/* How long an alias lasts: see wnode_alias and wnode_monitor_alias. */
#define WNODE_ALIAS_EXPLICIT %[11]d
#define WNODE_ALIAS_REPLY %[12]d
#define WNODE_ALIAS_DEMONITOR %[13]d
#define WNODE_ALIAS_REPLY_DEMONITOR %[14]d

/* The flags of wnode_send_with and wnode_send_node_with. */
#define WNODE_SEND_NO_CONNECT %[15]d
#define WNODE_SEND_NO_SUSPEND %[16]d

/* A process for ever, on every node. Both numbers 0: no process. */
typedef struct wnode_pid {
  uint64_t node;
  uint64_t num;
} wnode_pid;

/* What names one monitor or request. */
typedef struct wnode_ref {
  uint64_t node;
  uint64_t num;
} wnode_ref;

/* The SHA-256 of a module. */
typedef struct wnode_hash {
  uint8_t bytes[%[9]d];
} wnode_hash;

/* The caller's group leader, as the device of the I/O functions. */
#define WNODE_GROUP_LEADER ((wnode_pid){0, 0})

`

const cImport = `#define WNODE_IMPORT(name) __attribute__((import_module("%s"), import_name(#name)))

`

const cBottom = `
#undef WNODE_IMPORT

#ifdef __cplusplus
}
#endif

#endif /* WNODE_H */
`

func cHeader() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, cTop, notice, abi.Version, abi.Infinity, term.TagPid, term.TagRef, term.TagFunction,
		abi.MessageUser, abi.MessageDown, abi.HashSize, abi.MessageExit,
		abi.AliasExplicit, abi.AliasReply, abi.AliasDemonitor, abi.AliasReplyDemonitor,
		abi.SendNoConnect, abi.SendNoSuspend, abi.MessageTrace, abi.MessageNode)
	b.WriteString("enum wnode_error {\n")
	for _, e := range abi.Errnos {
		fmt.Fprintf(&b, "  WNODE_E_%s = %d, /* %s */\n", e.Name, e.Code, e.Text)
	}
	b.WriteString("};\n\n")
	fmt.Fprintf(&b, cImport, abi.ImportModule)
	for i, f := range abi.Functions {
		if g := group(i); g != "" {
			fmt.Fprintf(&b, "/* ---- %s ---- */\n\n", g)
		}
		cFunction(&b, f)
	}
	b.WriteString(cBottom)
	return b.Bytes()
}

// cFunction declares f. Where pids travel as two numbers, a wrapper takes them as one value.
func cFunction(b *bytes.Buffer, f abi.Func) {
	doc := "/*" + strings.TrimPrefix(strings.TrimSuffix(wrap(" *", f.Doc, 100), "\n"), " *") + " */\n"
	result := map[abi.ResultKind]string{
		abi.ResultStatus: "int32_t", abi.ResultTime: "int64_t", abi.ResultNever: "__attribute__((noreturn)) void",
	}[f.Result]
	var params []string
	for _, v := range values(f) {
		params = append(params, cParam(v))
	}
	declared := "wnode_" + f.Name
	if passesIDs(f) {
		declared = "wnode_import_" + f.Name
	} else {
		b.WriteString(doc)
	}
	fmt.Fprintf(b, "WNODE_IMPORT(%s) %s %s(%s);\n", f.Name, result, declared, orVoid(params))
	if passesIDs(f) {
		b.WriteString(doc)
		cWrapper(b, f, result)
	}
	b.WriteByte('\n')
}

func cWrapper(b *bytes.Buffer, f abi.Func, result string) {
	var params, args []string
	for _, p := range f.Params {
		if p.Kind == abi.PidIn {
			params = append(params, cIDType(isRef(p))+" "+p.Name)
			args = append(args, p.Name+".node", p.Name+".num")
			continue
		}
		for _, v := range values(abi.Func{Params: []abi.Param{p}}) {
			params = append(params, cParam(v))
			args = append(args, v.name)
		}
	}
	fmt.Fprintf(b, "static inline %s wnode_%s(%s) {\n  return wnode_import_%s(%s);\n}\n",
		result, f.Name, strings.Join(params, ", "), f.Name, strings.Join(args, ", "))
}

func cParam(v value) string {
	switch v.role {
	case number32:
		return "int32_t " + v.name
	case number64:
		return "int64_t " + v.name
	case idHalf:
		return "uint64_t " + v.name
	case readable:
		return "const void *" + v.name
	case writable:
		return "void *" + v.name
	case idOut:
		return cIDType(v.ref) + " *" + v.name
	case hashIn:
		return "const wnode_hash *" + v.name
	case hashOut:
		return "wnode_hash *" + v.name
	default:
		return "uint32_t " + v.name
	}
}

func cIDType(ref bool) string {
	if ref {
		return "wnode_ref"
	}
	return "wnode_pid"
}

func orVoid(params []string) string {
	if len(params) == 0 {
		return "void"
	}
	return strings.Join(params, ", ")
}
