package main

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
)

const rustTop = `// %[1]s

//! The host functions as they are imported, and the numbers that come with them. The rest of the
//! crate wraps them; nothing here checks anything.

use crate::{Hash, Pid, Ref};

/// The version of the ABI that these declarations are of.
pub const ABI_VERSION: u32 = %[2]d;
/// The timeout that never comes.
pub const INFINITY: i64 = %[3]d;
/// The private CBOR tags of terms.
pub const TAG_PID: u64 = %[4]d;
pub const TAG_REF: u64 = %[5]d;
pub const TAG_FUNCTION: u64 = %[6]d;
/// The kinds of messages.
pub const MESSAGE_USER: i32 = %[7]d;
pub const MESSAGE_EXIT: i32 = %[9]d;
pub const MESSAGE_DOWN: i32 = %[8]d;
pub const MESSAGE_TRACE: i32 = %[12]d;
pub const MESSAGE_NODE: i32 = %[13]d;

/// The flags of a send.
pub const SEND_NO_CONNECT: i32 = %[10]d;
pub const SEND_NO_SUSPEND: i32 = %[11]d;

/// Why a call failed: a negative number of the ABI.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Error(pub i32);

impl Error {
`

func rustFile() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, rustTop, notice, abi.Version, abi.Infinity, term.TagPid, term.TagRef, term.TagFunction,
		abi.MessageUser, abi.MessageDown, abi.MessageExit,
		abi.SendNoConnect, abi.SendNoSuspend, abi.MessageTrace, abi.MessageNode)
	for _, e := range abi.Errnos {
		fmt.Fprintf(&b, "    pub const %s: Error = Error(%d);\n", e.Name, e.Code)
	}
	b.WriteString("\n    /// The condition in words.\n    pub fn text(self) -> &'static str {\n        match self {\n")
	for _, e := range abi.Errnos {
		fmt.Fprintf(&b, "            Error::%s => %q,\n", e.Name, e.Text)
	}
	b.WriteString("            _ => \"unknown error\",\n        }\n    }\n}\n\n")
	fmt.Fprintf(&b, "#[link(wasm_import_module = %q)]\nextern \"C\" {\n", abi.ImportModule)
	for i, f := range abi.Functions {
		if i > 0 {
			b.WriteByte('\n')
		}
		rustFunction(&b, f)
	}
	b.WriteString("}\n")
	return b.Bytes()
}

func rustFunction(b *bytes.Buffer, f abi.Func) {
	b.WriteString(wrap("    ///", f.Doc, 100))
	name := rustName(f.Name)
	if name != f.Name {
		fmt.Fprintf(b, "    #[link_name = %q]\n", f.Name)
	}
	var params []string
	for _, v := range values(f) {
		params = append(params, rustName(v.name)+": "+rustType(v))
	}
	result := map[abi.ResultKind]string{abi.ResultStatus: "i32", abi.ResultTime: "i64", abi.ResultNever: "!"}[f.Result]
	fmt.Fprintf(b, "    pub fn %s(%s) -> %s;\n", name, strings.Join(params, ", "), result)
}

// rustName gets out of the way of Rust's keywords.
func rustName(name string) string {
	if name == "self" || name == "ref" {
		return name + "_"
	}
	return name
}

func rustType(v value) string {
	switch v.role {
	case number32:
		return "i32"
	case number64:
		return "i64"
	case idHalf:
		return "u64"
	case readable:
		return "*const u8"
	case writable:
		return "*mut u8"
	case idOut:
		if v.ref {
			return "*mut Ref"
		}
		return "*mut Pid"
	case hashIn:
		return "*const Hash"
	case hashOut:
		return "*mut Hash"
	default:
		return "usize"
	}
}
