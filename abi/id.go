package abi

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// NodeID names one incarnation of a node: 64 random bits drawn at boot, never zero.
// Pids carry it, so that a pid of a node that has since restarted reaches nobody (PROC-04).
type NodeID uint64

// NewNodeID draws an id from the system's random source.
func NewNodeID() NodeID {
	var b [8]byte
	for {
		rand.Read(b[:])
		if id := NodeID(binary.LittleEndian.Uint64(b[:])); id != 0 {
			return id
		}
	}
}

// IDSize is the size in bytes of a [Pid] and of a [Ref] in guest memory, on the wire and in CBOR.
const IDSize = 16

// Pid names a process for ever: numbers are handed out upwards and never used again (PROC-02).
// The zero Pid names no process.
type Pid struct {
	Node NodeID
	Num  uint64
}

// Ref is a value that no other call on any node ever returns: it names a monitor, a request or an alias.
type Ref struct {
	Node NodeID
	Num  uint64
}

// IsZero reports whether p names no process.
func (p Pid) IsZero() bool { return p == Pid{} }

// Append appends the 16 bytes of p, {node id u64, process number u64}, little-endian.
func (p Pid) Append(b []byte) []byte { return appendID(b, uint64(p.Node), p.Num) }

// Append appends the 16 bytes of r, {node id u64, number u64}, little-endian.
func (r Ref) Append(b []byte) []byte { return appendID(b, uint64(r.Node), r.Num) }

// Text gives the printed form #PID<node.low.high>. node is the viewer's index for the pid's node,
// 0 for its own (PROC-03); low and high are the two halves of the process number, 32 bits each.
// A negative index stands for a node that the viewer has never met, and prints as a question mark.
func (p Pid) Text(node int) string { return idText("#PID", node, p.Num) }

// Text gives the printed form #Ref<node.low.high>, built as for [Pid.Text].
func (r Ref) Text(node int) string { return idText("#Ref", node, r.Num) }

func idText(kind string, node int, num uint64) string {
	if node < 0 {
		return fmt.Sprintf("%s<?.%d.%d>", kind, uint32(num), num>>32)
	}
	return fmt.Sprintf("%s<%d.%d.%d>", kind, node, uint32(num), num>>32)
}

// PidFromBytes reads the form that [Pid.Append] writes. b must have at least [IDSize] bytes.
func PidFromBytes(b []byte) Pid {
	node, num := idFromBytes(b)
	return Pid{NodeID(node), num}
}

// RefFromBytes reads the form that [Ref.Append] writes. b must have at least [IDSize] bytes.
func RefFromBytes(b []byte) Ref {
	node, num := idFromBytes(b)
	return Ref{NodeID(node), num}
}

// MarshalBinary gives the 16 bytes of [Pid.Append].
func (p Pid) MarshalBinary() ([]byte, error) { return p.Append(nil), nil }

// UnmarshalBinary reads exactly the form of [Pid.Append]; the error is [ErrBadArgument].
func (p *Pid) UnmarshalBinary(b []byte) error {
	if len(b) != IDSize {
		return fmt.Errorf("pid of %d bytes: %w", len(b), ErrBadArgument)
	}
	*p = PidFromBytes(b)
	return nil
}

// MarshalBinary gives the 16 bytes of [Ref.Append].
func (r Ref) MarshalBinary() ([]byte, error) { return r.Append(nil), nil }

// UnmarshalBinary reads exactly the form of [Ref.Append]; the error is [ErrBadArgument].
func (r *Ref) UnmarshalBinary(b []byte) error {
	if len(b) != IDSize {
		return fmt.Errorf("ref of %d bytes: %w", len(b), ErrBadArgument)
	}
	*r = RefFromBytes(b)
	return nil
}

func appendID(b []byte, node, num uint64) []byte {
	b = binary.LittleEndian.AppendUint64(b, node)
	return binary.LittleEndian.AppendUint64(b, num)
}

func idFromBytes(b []byte) (node, num uint64) {
	_ = b[IDSize-1]
	return binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:])
}

// HashSize is the size in bytes of a [Hash].
const HashSize = 32

// Hash is the SHA-256 of a module's bytes, and the module's only name between nodes.
type Hash [HashSize]byte

// String gives the hash as 64 hexadecimal digits.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// Short gives the first eight hexadecimal digits, for people.
func (h Hash) Short() string { return hex.EncodeToString(h[:4]) }

// Function names code to run: an exported function of a module.
// Name is what people call the module (a file's base name); it takes no part in finding the code.
type Function struct {
	Module Hash
	Export string
	Name   string
}

// DefaultExport is the export at which a WASI command starts.
const DefaultExport = "_start"

// ReactorExport is where a process starts in place of [DefaultExport] when the module has no such export: a
// WASI reactor, which is initialised first.
const ReactorExport = "wnode_start"

// ImageExport is a function that a module exports, and that is never called, to say that its processes may
// begin in a state that was read from another's clocks, random numbers, arguments (there are none then) and
// environment (there is none then) while the module was initialised.
const ImageExport = "wnode_image"

// String gives the printed form #Function<whoami.wasm sha256:3fa9...>, with the export when it is not [DefaultExport].
func (f Function) String() string {
	name := f.Name
	if name == "" {
		name = "module"
	}
	if f.Export != "" && f.Export != DefaultExport {
		name += ":" + f.Export
	}
	return fmt.Sprintf("#Function<%s sha256:%s...>", strings.Map(printable, name), f.Module.String()[:4])
}

// printable keeps names that other nodes chose from reaching a terminal as commands.
func printable(r rune) rune {
	if unicode.IsPrint(r) {
		return r
	}
	return utf8.RuneError
}

// MaxFunctionBytes bounds the binary form of a [Function].
const MaxFunctionBytes = HashSize + 1024

// MarshalBinary gives hash, export, a zero byte, name. A name that is not UTF-8 or has a zero byte,
// or names beyond [MaxFunctionBytes], are [ErrBadArgument].
func (f Function) MarshalBinary() ([]byte, error) {
	if err := f.Validate(); err != nil {
		return nil, err
	}
	return append(append(append(f.Module[:], f.Export...), 0), f.Name...), nil
}

// Validate reports names that a function cannot have, as [ErrBadArgument].
func (f Function) Validate() error {
	valid := func(name string) bool { return strings.IndexByte(name, 0) < 0 && utf8.ValidString(name) }
	if !valid(f.Export) || !valid(f.Name) || HashSize+len(f.Export)+1+len(f.Name) > MaxFunctionBytes {
		return fmt.Errorf("function name: %w", ErrBadArgument)
	}
	return nil
}

// UnmarshalBinary reads the form of [Function.MarshalBinary]; the error is [ErrBadArgument].
func (f *Function) UnmarshalBinary(b []byte) error {
	if len(b) < HashSize || len(b) > MaxFunctionBytes {
		return fmt.Errorf("function of %d bytes: %w", len(b), ErrBadArgument)
	}
	names := string(b[HashSize:])
	export, name, _ := strings.Cut(names, "\x00")
	if strings.Count(names, "\x00") != 1 || !utf8.ValidString(names) {
		return fmt.Errorf("function name: %w", ErrBadArgument)
	}
	*f = Function{Module: Hash(b[:HashSize]), Export: export, Name: name}
	return nil
}
