package module

import (
	"bytes"
	"errors"
	"fmt"
)

// ErrNotModule is what every error of [Check] wraps.
var ErrNotModule = errors.New("not a WebAssembly module")

// What can stand at the start of a file (core specification, section 5.5.16; component model,
// Binary.md: version 13 in layer 1).
var (
	magic            = []byte("\x00asm")
	versionCore      = []byte{1, 0, 0, 0}
	versionComponent = []byte{0x0d, 0, 1, 0}
)

// strangers are other things that are often given in place of a module, with what to do about it.
var strangers = []struct{ prefix, hint string }{
	{"\x7fELF", "a native program; compile it for wasm32-wasip1"},
	{"\xcf\xfa\xed\xfe", "a native program; compile it for wasm32-wasip1"},
	{"MZ", "a native program; compile it for wasm32-wasip1"},
	{"\x1f\x8b", "a gzip archive; unpack it first"},
	{"\x28\xb5\x2f\xfd", "a Zstandard archive; unpack it first"},
	{"#!", "a script"},
}

// Check looks at the first bytes: whether b claims to be a core module in version 1 of the binary
// format. It does not validate the rest. The error is one line, says what to do, and wraps
// [ErrNotModule].
func Check(b []byte) error {
	if len(b) >= 8 && bytes.HasPrefix(b, magic) {
		return checkVersion(b[4:8])
	}
	if len(b) == 0 {
		return fmt.Errorf("%w: empty", ErrNotModule)
	}
	if bytes.HasPrefix(b, magic) || bytes.HasPrefix(magic, b) {
		return fmt.Errorf("%w: cut off after %d bytes", ErrNotModule, len(b))
	}
	if isText(b) {
		return fmt.Errorf("%w: WebAssembly text; translate it with wat2wasm first", ErrNotModule)
	}
	for _, s := range strangers {
		if bytes.HasPrefix(b, []byte(s.prefix)) {
			return fmt.Errorf("%w: %s", ErrNotModule, s.hint)
		}
	}
	return fmt.Errorf("%w: starts with %q in place of %q", ErrNotModule, b[:min(len(b), 4)], magic)
}

func checkVersion(v []byte) error {
	switch {
	case bytes.Equal(v, versionCore):
		return nil
	case bytes.Equal(v, versionComponent):
		return fmt.Errorf("%w: a component, and components are not supported; build a core module (target wasm32-wasip1)", ErrNotModule)
	}
	return fmt.Errorf("%w: version % x of the binary format is not supported, only version 1", ErrNotModule, v)
}

// isText tells the text format: after spaces and line comments comes an opening parenthesis and
// the word module or component, or a block comment.
func isText(b []byte) bool {
	for {
		b = bytes.TrimLeft(b, " \t\r\n")
		if !bytes.HasPrefix(b, []byte(";;")) {
			break
		}
		_, b, _ = bytes.Cut(b, []byte("\n"))
	}
	if bytes.HasPrefix(b, []byte("(;")) {
		return true
	}
	word, ok := bytes.CutPrefix(b, []byte("("))
	word = bytes.TrimLeft(word, " \t\r\n")
	return ok && (bytes.HasPrefix(word, []byte("module")) || bytes.HasPrefix(word, []byte("component")))
}
