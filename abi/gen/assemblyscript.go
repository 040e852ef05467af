package main

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
)

const assemblyScriptTop = `// %[1]s

// The host functions as they are imported, and the numbers that come with them. index.ts wraps what
// programs use most.

/** The version of the ABI that these declarations are of. */
export const ABI_VERSION: u32 = %[2]d;
/** The timeout that never comes. */
export const INFINITY: i64 = %[3]d;
/** The private CBOR tags of terms. */
export const TAG_PID: u64 = %[4]d;
export const TAG_REF: u64 = %[5]d;
export const TAG_FUNCTION: u64 = %[6]d;
/** The kinds of messages. */
export const MESSAGE_USER: i32 = %[7]d;
export const MESSAGE_EXIT: i32 = %[9]d;
export const MESSAGE_DOWN: i32 = %[8]d;
export const MESSAGE_TRACE: i32 = %[16]d;
export const MESSAGE_NODE: i32 = %[17]d;
/** How long an alias lasts. */
export const ALIAS_EXPLICIT: i32 = %[10]d;
export const ALIAS_REPLY: i32 = %[11]d;
export const ALIAS_DEMONITOR: i32 = %[12]d;
export const ALIAS_REPLY_DEMONITOR: i32 = %[13]d;
/** The flags of a send. */
export const SEND_NO_CONNECT: i32 = %[14]d;
export const SEND_NO_SUSPEND: i32 = %[15]d;

/** Why a call failed. */
export enum Errno {
`

func assemblyScriptFile() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, assemblyScriptTop, notice, abi.Version, abi.Infinity, term.TagPid, term.TagRef, term.TagFunction,
		abi.MessageUser, abi.MessageDown, abi.MessageExit,
		abi.AliasExplicit, abi.AliasReply, abi.AliasDemonitor, abi.AliasReplyDemonitor,
		abi.SendNoConnect, abi.SendNoSuspend, abi.MessageTrace, abi.MessageNode)
	for _, e := range abi.Errnos {
		fmt.Fprintf(&b, "  /** %s */\n  %s = %d,\n", e.Text, e.Name, e.Code)
	}
	b.WriteString("}\n")
	for _, f := range abi.Functions {
		var params []string
		for _, v := range values(f) {
			params = append(params, v.name+": "+assemblyScriptType(v))
		}
		result := map[abi.ResultKind]string{abi.ResultStatus: "i32", abi.ResultTime: "i64", abi.ResultNever: "void"}[f.Result]
		fmt.Fprintf(&b, "\n/**\n%s */\n@external(%q, %q)\nexport declare function %s(%s): %s;\n",
			wrap(" *", f.Doc, 100), abi.ImportModule, f.Name, f.Name, strings.Join(params, ", "), result)
	}
	return b.Bytes()
}

func assemblyScriptType(v value) string {
	switch v.role {
	case number32:
		return "i32"
	case number64:
		return "i64"
	case idHalf:
		return "u64"
	case length, capacity:
		return "u32"
	default:
		return "usize"
	}
}
