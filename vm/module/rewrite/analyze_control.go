package rewrite

import (
	"slices"

	"github.com/wnode/wnode/vm/module/wasm"
)

// enter opens a block.
func (s *scanner) enter(in *wasm.Instr) {
	f := frame{op: in.Op, loop: -1}
	switch {
	case in.Type >= int64(len(s.m.Types)):
		s.fail("no such type")
		return
	case in.Type >= 0:
		f.params, f.results = len(s.m.Types[in.Type].Params), len(s.m.Types[in.Type].Results)
	case in.Type != wasm.BlockEmpty:
		f.results = 1
	}
	if len(s.frames) >= maxNesting {
		s.err = &wasm.LimitError{What: "open blocks", Got: maxNesting + 1, Max: maxNesting}
		return
	}
	f.base = max(s.height-f.params, s.frames[len(s.frames)-1].base)
	s.height = f.base + f.params
	if in.Op == wasm.OpLoop {
		f.loop = len(s.f.loops)
		s.f.loops = append(s.f.loops, loop{params: f.params > 0})
		s.open = append(s.open, f.loop)
		s.note(in, uint32(f.loop))
	} else {
		s.note(in, 0)
	}
	s.frames = append(s.frames, f)
}

// leave closes a block.
func (s *scanner) leave(in *wasm.Instr) {
	top := s.frames[len(s.frames)-1]
	s.frames = s.frames[:len(s.frames)-1]
	s.note(in, 0)
	s.height = top.base
	if top.loop >= 0 {
		s.open = s.open[:len(s.open)-1]
		if len(s.open) > 0 && s.f.loops[top.loop].calls {
			s.f.loops[s.open[len(s.open)-1]].calls = true
		}
	}
	s.move(0, top.results)
}

func (s *scanner) branch(in *wasm.Instr) {
	s.note(in, in.Index)
	if in.Op == wasm.OpBrTable {
		wasm.Labels(s.code[in.Start:in.End], s.target)
	} else {
		s.target(in.Index)
	}
	if s.err == nil && in.Op != wasm.OpBrIf {
		s.dead()
	}
}

// target notes where a branch goes.
func (s *scanner) target(label uint32) {
	if uint64(label) >= uint64(len(s.frames)) {
		s.fail("no such label")
		return
	}
	if l := s.frames[len(s.frames)-1-int(label)].loop; l >= 0 {
		s.f.loops[l].repeats = true
	}
}

// called notes that there is a call where the scanner is. A tail call is in no loop: it leaves them all.
func (s *scanner) called(guest, tail bool) {
	s.f.calls = s.f.calls || guest
	if len(s.open) > 0 && !tail {
		s.f.loops[s.open[len(s.open)-1]].calls = true
	}
}

func (s *scanner) call(in *wasm.Instr) {
	var t *wasm.FuncType
	direct := in.Op == wasm.OpCall || in.Op == wasm.OpReturnCall
	tail := in.Op == wasm.OpReturnCall || in.Op == wasm.OpReturnCallIndirect
	switch defined := in.Index - s.imported; {
	case !direct && in.Index < uint32(len(s.m.Types)) && in.Table < s.tables:
		t = &s.m.Types[in.Index]
		s.called(true, tail)
	case direct && in.Index < s.imported:
		t = s.importType(in.Index)
		s.called(false, tail)
	case direct && defined < uint32(len(s.m.Funcs)):
		t = &s.m.Types[s.m.Funcs[defined]]
		s.called(true, tail)
	default:
		s.fail("call of nothing")
		return
	}
	if tail && !slices.Equal(t.Results, s.results) { // a call and a return in its place would hide it
		s.fail("a tail call of a function with other results")
		return
	}
	s.move(len(t.Params), len(t.Results))
	s.note(in, in.Index)
}

// importType gives the type of an imported function.
func (s *scanner) importType(index uint32) *wasm.FuncType { return &s.m.Types[s.importTypes[index]] }

// Bulk operations of a length that is known and not large are left as they are.
const (
	maxInline  = 4096
	inlineCost = 8 // bytes that cost as much as an instruction
)

// bulk notes an instruction that works on any number of bytes or elements.
func (s *scanner) bulk(in *wasm.Instr) {
	memory := in.Op == wasm.OpMemoryFill || in.Op == wasm.OpMemoryCopy
	if n := uint32(s.last.Value); memory && s.last.Op == wasm.OpI32Const && n <= maxInline {
		s.before += 8 + n/inlineCost
		return
	}
	if in.Op == wasm.OpMemoryInit {
		s.within("data segment", in.Index, uint32(len(s.m.Data)))
	}
	s.called(true, false)
	s.note(in, in.Index)
}
