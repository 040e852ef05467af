package main

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
)

const referenceTop = `<!-- %[1]s -->

# The guest ABI, version %[2]d

What a WebAssembly guest can ask of its node: it imports these functions from module ` + "`%[3]s`" + `. The ABI only ever grows;
a breaking change would be another import module.

## Conventions

- Addresses and lengths are i32. An address outside the guest's memory ends the guest; everything else that can go wrong is an error number.
- A status is an i32: 0 or more is success (a count, a length or 0), below 0 an error number.
- A pid or a ref goes in as two i64, node and number, and comes out as 16 bytes, {node u64, number u64}, little-endian. Both 0: no process.
- Times are i64 nanoseconds; the timeout %[4]d never comes.
- Reading into a buffer returns the full length. When that is larger than the buffer, nothing was consumed: call again with a larger one.
- Texts are UTF-8, with a length and without a zero byte at the end.
- Messages are bytes to the node. What the node itself sends and takes are terms, as CBOR in the core deterministic encoding
  (RFC 8949 section 4.2.1). Private tags carry pids (%[5]d), refs (%[6]d) and functions (%[7]d) as byte strings.

## Entry

A process starts at an exported function without parameters, ` + "`%[8]s`" + ` when none is named, or ` + "`%[10]s`" + ` if there is only that. A
module that exports ` + "`_initialize`" + ` has it called first: for each process, or only for the first one if nothing in it depends on which process
that is. Calls of WASI that only read clocks, random numbers, arguments or the environment do, unless the module exports a function
` + "`%[11]s`" + `, which is never called: arguments and environment are then empty during ` + "`_initialize`" + `, and what was drawn is shared. Returning is exit reason "normal"; ` + "`proc_exit(n)`" + ` with n not 0 is ` + "`[\"%[9]s\", n]`" + `; a trap is an error reason. WASI
preview 1 is there too: standard input, output and error go to the group leader, and argv is the module's name followed by the arguments.
Of the host there is what the process was given ([policy.md](policy.md)): folders from descriptor 3 on, TCP listeners behind them, environment variables. What is not
allowed is the error number that programs know: EROFS, EPERM, EMFILE, ENFILE, and EBADF for what is not there.

`

func referencePage() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, referenceTop, notice, abi.Version, abi.ImportModule, abi.Infinity,
		term.TagPid, term.TagRef, term.TagFunction, abi.DefaultExport, abi.ReasonExitStatus, abi.ReactorExport, abi.ImageExport)
	b.WriteString("## Functions\n")
	for i, f := range abi.Functions {
		if g := group(i); g != "" {
			fmt.Fprintf(&b, "\n### %s\n", g)
		}
		fmt.Fprintf(&b, "\n**`%s`** `%s`\n\n", f.Name, signature(f))
		fmt.Fprintf(&b, "%s\n", escapeMarkdown(f.Doc))
	}
	b.WriteString("\n## Error numbers\n\n| number | name | meaning |\n| --- | --- | --- |\n")
	for _, e := range abi.Errnos {
		fmt.Fprintf(&b, "| %d | %s | %s |\n", e.Code, e.Name, e.Text)
	}
	b.WriteString("\n## Kinds of messages\n\n| number | made by |\n| --- | --- |\n")
	fmt.Fprintf(&b, "| %d | a process, with a send |\n", abi.MessageUser)
	fmt.Fprintf(&b, "| %d | the node, for an exit signal that was trapped: `[\"EXIT\", pid, reason]` |\n", abi.MessageExit)
	fmt.Fprintf(&b, "| %d | the node, for a monitor: `[\"DOWN\", ref, \"process\", pid, reason]` |\n", abi.MessageDown)
	fmt.Fprintf(&b, "| %d | the node, for who traces a process: `[\"trace\", pid, event, ...]`. No host function asks for it; the shell does |\n", abi.MessageTrace)
	fmt.Fprintf(&b, "| %d | the node, for who watches nodes: `[\"nodeup\", name, info]`, `[\"nodedown\", name, info]`, `[\"nodedown\", name]` |\n", abi.MessageNode)
	return b.Bytes()
}

// signature gives the wasm type of f with the names of its values.
func signature(f abi.Func) string {
	types, results := f.Signature()
	params := make([]string, len(types))
	for i, v := range values(f) {
		params[i] = v.name + " " + typeName(types[i])
	}
	s := "(" + strings.Join(params, ", ") + ")"
	for _, r := range results {
		s += " -> " + typeName(r)
	}
	return s
}

func typeName(t abi.ValueType) string {
	if t == abi.I64 {
		return "i64"
	}
	return "i32"
}

// escapeMarkdown keeps brackets and underscores of the table's sentences from meaning anything.
func escapeMarkdown(s string) string {
	return strings.NewReplacer("_", `\_`, "[", `\[`, "]", `\]`, "<", `\<`).Replace(s)
}
