package rewrite

import (
	"bytes"
	"encoding/binary"
	"encoding/gob"
	"errors"
	"fmt"

	"github.com/wnode/wnode/vm/module/wasm"
)

// Version is that of what the rewriter makes: the same version makes the same of the same module and options. It is
// for the keys of what is kept of rewritten modules.
const Version = 2

// ErrEncoding says that bytes are no encoded [Result].
var ErrEncoding = errors.New("not a rewritten module")

// kept is a [Result] as it is encoded.
type kept struct {
	Module        []byte
	Left          string
	Stack         string
	Tables        string
	TableElements uint32
	Start         string
	Imported      uint32
	Defined       uint32
	Waits         []Wait
	Imports       []wasm.Import
	Runs          []byte // of the offsets, each as two u32
	DebugBytes    int
	TableBytes    uint64
	Globals       []string
	Hidden        string
	Segments      []byte // of the data of the image, for each its place and its length as uvarint; nil for no segments
	Data          []byte // what they consist of
}

// MarshalBinary encodes a result, but for Explained.
func (r *Result) MarshalBinary() ([]byte, error) {
	k := kept{
		Module: r.Module, Left: r.Left, Stack: r.Stack, Tables: r.Tables, TableElements: r.TableElements, Start: r.Start,
		Imported: r.Layout.imported, Defined: r.Layout.defined, Waits: r.Layout.waits, Imports: r.Imports,
		DebugBytes: r.DebugBytes, TableBytes: r.TableBytes, Globals: r.State.Globals, Hidden: r.State.Hidden,
	}
	for _, run := range r.Offsets.runs {
		k.Runs = binary.LittleEndian.AppendUint32(k.Runs, run.start)
		k.Runs = binary.LittleEndian.AppendUint32(k.Runs, run.from)
	}
	for _, s := range r.State.Data {
		k.Segments = binary.AppendUvarint(k.Segments, uint64(s.Offset))
		k.Segments = binary.AppendUvarint(k.Segments, uint64(len(s.Bytes)))
		k.Data = append(k.Data, s.Bytes...)
	}
	var b bytes.Buffer
	if err := gob.NewEncoder(&b).Encode(k); err != nil {
		return nil, fmt.Errorf("encode rewritten module: %w", err)
	}
	return b.Bytes(), nil
}

// UnmarshalBinary decodes what [Result.MarshalBinary] gave, and shares no memory with it. It believes what is in a good encoding: whoever can
// write that decides what the node runs. The errors wrap [ErrEncoding].
func (r *Result) UnmarshalBinary(b []byte) error {
	var k kept
	if err := gob.NewDecoder(bytes.NewReader(b)).Decode(&k); err != nil {
		return fmt.Errorf("%w: %w", ErrEncoding, err)
	}
	*r = Result{
		Module: k.Module, Left: k.Left, Stack: k.Stack, Tables: k.Tables, TableElements: k.TableElements, Start: k.Start,
		Layout: Layout{imported: k.Imported, defined: k.Defined, waits: k.Waits}, Imports: k.Imports,
		DebugBytes: k.DebugBytes, TableBytes: k.TableBytes, State: State{Globals: k.Globals, Hidden: k.Hidden},
	}
	for ; len(k.Runs) >= 8; k.Runs = k.Runs[8:] {
		start, from := binary.LittleEndian.Uint32(k.Runs), binary.LittleEndian.Uint32(k.Runs[4:])
		r.Offsets.runs = append(r.Offsets.runs, run{start, from})
	}
	var ok bool
	if r.State.Data, ok = k.segments(); !ok || len(k.Runs) > 0 {
		return fmt.Errorf("%w: data or offsets", ErrEncoding)
	}
	return nil
}

// segments gives the data of the image, nil for none.
func (k *kept) segments() (list []Segment, ok bool) {
	data := k.Data
	for b := k.Segments; len(b) > 0; {
		offset, n := binary.Uvarint(b)
		if n <= 0 || offset > 1<<32-1 {
			return nil, false
		}
		length, m := binary.Uvarint(b[n:])
		if m <= 0 || length > uint64(len(data)) {
			return nil, false
		}
		list = append(list, Segment{Offset: uint32(offset), Bytes: data[:length:length]})
		b, data = b[n+m:], data[length:]
	}
	return list, len(data) == 0
}
