package rewrite

import (
	"fmt"

	"github.com/wnode/wnode/vm/module/wasm"
)

// State says how the state of a module's instances can be seen and set from outside: it is the
// memory, and the globals that have names here. With [Options.State] an instance is made with an
// empty memory, and whoever makes it does the rest as instantiation would have (core specification
// 4.5.4): he writes Data in its order. Data that does not fit is a trap.
type State struct {
	// Globals are the names under which the mutable globals are exported, the counters not among them.
	Globals []string
	// Data is what is written to the memory first.
	Data []Segment
	// Hidden says why there is more state than can be seen: an instance of such a module cannot be
	// set back. "": there is none.
	Hidden string
}

// Segment is data for a place in the memory. Bytes are those of the module that was rewritten.
type Segment struct {
	Offset uint32
	Bytes  []byte
}

// maxGlobals bounds the globals that are exported.
const maxGlobals = 4096

// hiddenState is what code does to state that cannot be seen from outside.
type hiddenState struct {
	tables, segments bool
	segmentsRead     bool // by memory.init; they have to keep their numbers
	tablesRead       bool // other than by calls, or functions are referred to that have to be in one
}

func (h *hiddenState) note(op wasm.Op) {
	switch op {
	case wasm.OpTableSet, wasm.OpTableGrow, wasm.OpTableFill, wasm.OpTableCopy, wasm.OpTableInit:
		h.tables = true
	case wasm.OpDataDrop, wasm.OpElemDrop:
		h.segments = true
	case wasm.OpMemoryInit:
		h.segmentsRead = true
	case wasm.OpTableGet, wasm.OpTableSize, wasm.OpRefFunc:
		h.tablesRead = true
	}
}

// add notes what other code does.
func (h *hiddenState) add(other hiddenState) {
	h.tables = h.tables || other.tables
	h.segments = h.segments || other.segments
	h.segmentsRead = h.segmentsRead || other.segmentsRead
	h.tablesRead = h.tablesRead || other.tablesRead
}

// detachState exports what has to be seen and takes out what instantiation would do after it has made
// the memory.
func (r *rewriter) detachState() State {
	s := State{Hidden: r.hiddenReason()}
	if r.detachable() {
		s.Data = r.detachData()
	} else if s.Hidden == "" {
		s.Hidden = "its instances begin in a way that only instantiation knows"
	}
	if s.Hidden == "" {
		s.Globals = r.exportGlobals()
	}
	return s
}

// hiddenReason gives [State.Hidden].
func (r *rewriter) hiddenReason() string {
	switch {
	case r.hidden.tables:
		return "its code changes tables"
	case r.hidden.segments:
		return "its code drops segments"
	}
	mutable := 0
	for i := range r.m.Globals {
		t := r.m.Globals[i].Type
		switch {
		case !t.Mutable:
			continue
		case t.Value == wasm.V128, t.Value == wasm.FuncRef, t.Value == wasm.ExternRef:
			return "it has a mutable global that is a vector or a reference"
		}
		mutable++
	}
	if mutable > maxGlobals {
		return fmt.Sprintf("it has %d mutable globals, more than %d", mutable, maxGlobals)
	}
	return ""
}

// exportGlobals exports the mutable globals that the module defines, but the counters.
func (r *rewriter) exportGlobals() (names []string) {
	first := uint32(r.m.Imported(wasm.KindGlobal))
	for i := range r.m.Globals {
		index := first + uint32(i)
		if index == r.left { // the counters are behind all others
			break
		}
		if !r.m.Globals[i].Type.Mutable {
			continue
		}
		name := fmt.Sprint(r.names.global, len(names))
		names = append(names, name)
		r.m.Exports = append(r.m.Exports, wasm.Export{Name: name, Kind: wasm.KindGlobal, Index: index})
	}
	return names
}

// detachable reports whether the active data segments are ones that a valid module of this node can have. A
// start function that is still there works on the data before anybody else could write it.
func (r *rewriter) detachable() bool {
	m := r.m
	for i := range m.Data {
		d := &m.Data[i]
		if d.Mode != wasm.Active {
			continue
		}
		if _, known := d.Offset.I32(); !known || d.Memory != 0 || len(m.Memories) == 0 {
			return false
		}
	}
	return m.Start == nil
}

// detachData takes the active segments out. Where code refers to segments by their numbers, empty ones
// stay in their places: an active segment is one that was dropped, as far as code can tell.
func (r *rewriter) detachData() (data []Segment) {
	m := r.m
	kept := make([]wasm.Data, 0, len(m.Data))
	data = make([]Segment, 0, len(m.Data))
	for _, d := range m.Data {
		if d.Mode == wasm.Active {
			offset, _ := d.Offset.I32()
			data = append(data, Segment{Offset: uint32(offset), Bytes: d.Bytes})
			d = wasm.Data{Mode: wasm.Passive}
		}
		kept = append(kept, d)
	}
	if !r.hidden.segmentsRead && !r.hidden.segments {
		kept = nil
	}
	m.Data = kept
	if m.DataCount != nil {
		count := uint32(len(kept))
		m.DataCount = &count
	}
	return data
}
