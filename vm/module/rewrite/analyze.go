package rewrite

import (
	"fmt"
	"slices"

	"github.com/wnode/wnode/vm/module/wasm"
)

// maxNesting bounds the blocks that are open at the same time.
const maxNesting = 1 << 16

// point is an instruction that the passes care about: control, calls, and what refers to functions
// or works in bulk.
type point struct {
	op         wasm.Op
	start, end int32
	before     uint32 // cost of the other instructions since the last point
	arg        uint32 // label, function, type, or number of a loop or of a fixed length
}

// loop is a loop of a function.
type loop struct {
	params  bool  // it takes operands from the stack
	calls   bool  // there is a call in it
	repeats bool  // something branches to it
	longest int64 // way around it, in instructions
	entry   bool  // it charges for the function too, which begins with it
}

// function is what is known of a function of the module.
type function struct {
	once   bool // no loop is written twice
	points []point
	loops  []loop
	calls  bool  // it calls functions of the module, or helpers
	locals int   // with the parameters
	frame  int64 // estimated bytes of stack
	blocks int   // blocks and branches
	weight int64 // of those, to the compiler

	charged bool  // the entry is charged and checked
	counted bool  // the depth is counted
	work    int64 // longest way through it and what it calls, in instructions, up to checks
	depth   int64 // stack for it and all it calls, up to those that count for themselves

	runs []run // where its new code comes from, from the beginning of the new body; nil when nobody asks
}

// Costs of instructions that take longer than others, in instructions.
const (
	costImport     = 64 // a call into the host
	costMemoryGrow = 256
)

// Stack that a function takes: the return address and what the compiler saves, and what each
// local and operand takes when it does not stay in a register.
const (
	frameBytes = 64
	slotBytes  = 8
)

// analyze finds the points of all functions, and checks what indices in the code refer to.
func (r *rewriter) analyze() error {
	m := r.m
	seen := map[string]uint32{}
	for i := range m.Types {
		key := signature(m.Types[i])
		if _, ok := seen[key]; !ok {
			seen[key] = uint32(i)
		}
		r.canonical = append(r.canonical, seen[key])
	}
	r.funcs = make([]function, len(m.Codes))
	r.taken = make([]bool, len(m.Codes))
	for i := range m.Imports {
		if m.Imports[i].Kind == wasm.KindFunc {
			r.imports = append(r.imports, m.Imports[i].Type)
		}
	}
	s := scanner{
		m: m, imported: uint32(m.Imported(wasm.KindFunc)), globals: uint32(m.Imported(wasm.KindGlobal) + len(m.Globals)),
		tables: uint32(m.Imported(wasm.KindTable) + len(m.Tables)),
		taken:  r.taken, importTypes: r.imports, threads: r.opts.Threads,
	}
	s.takeAddresses()
	if err := r.scanAll(s); err != nil {
		return err
	}
	return r.checkEffort()
}

// frame is a block that is open.
type frame struct {
	op              wasm.Op
	base            int // operands below it
	params, results int
	loop            int
}

// scanner reads functions one after the other.
type scanner struct {
	m        *wasm.Module
	imported uint32
	globals  uint32
	tables   uint32
	taken    []bool

	importTypes []uint32
	hidden      hiddenState
	threads     bool // atomic instructions are allowed

	f       function
	results []wasm.ValueType
	code    []byte
	frames  []frame
	open    []int // loops that are open
	height  int
	highest int
	before  uint32
	last    wasm.Instr
	err     error
}

func (s *scanner) take(index uint32) {
	if index >= s.imported {
		s.taken[index-s.imported] = true
	}
}

// takeAddresses notes the functions that are in tables or in globals.
func (s *scanner) takeAddresses() {
	for i := range s.m.Elements {
		e := &s.m.Elements[i]
		for _, f := range e.Funcs {
			s.take(f)
		}
		for j := range e.Exprs {
			if e.Exprs[j].Op == wasm.OpRefFunc {
				s.take(e.Exprs[j].Index)
			}
		}
	}
	for i := range s.m.Globals {
		if init := &s.m.Globals[i].Init; init.Op == wasm.OpRefFunc {
			s.take(init.Index)
		}
	}
}

func (s *scanner) scan(i int) (function, error) {
	t := &s.m.Types[s.m.Funcs[i]]
	s.f = function{points: s.f.points[:0], locals: len(t.Params)}
	slots := 0
	for _, p := range t.Params {
		slots += slotsOf(p)
	}
	for _, g := range s.m.Codes[i].Locals {
		s.f.locals += int(g.Count)
		slots += int(g.Count) * slotsOf(g.Type)
	}
	s.code, s.results = s.m.Codes[i].Body, t.Results
	s.frames = append(s.frames[:0], frame{op: wasm.OpBlock, results: len(t.Results), loop: -1})
	s.open, s.height, s.highest, s.before, s.last, s.err = s.open[:0], 0, 0, 0, wasm.Instr{}, nil
	walk := wasm.Walk(s.code)
	var in wasm.Instr
	for walk.Next(&in) {
		if len(s.frames) == 0 {
			s.fail("instructions after the end")
		}
		if s.err == nil {
			s.step(&in)
		}
		if s.err != nil {
			return function{}, s.err
		}
		s.last = in
	}
	if err := walk.Err(); err != nil {
		return function{}, err
	}
	if len(s.frames) > 0 {
		return function{}, fmt.Errorf("%w: function without end", wasm.ErrMalformed)
	}
	s.f.frame = frameBytes + slotBytes*int64(slots+s.highest)
	done := s.f
	done.points = slices.Clone(s.f.points)
	return done, nil
}

func slotsOf(t wasm.ValueType) int {
	if t == wasm.V128 {
		return 2
	}
	return 1
}

// note makes the instruction a point.
func (s *scanner) note(in *wasm.Instr, arg uint32) {
	s.f.points = append(s.f.points, point{op: in.Op, start: int32(in.Start), end: int32(in.End), before: s.before, arg: arg})
	s.before = 0
}

// move pops and pushes operands. In code that is never reached there may be fewer than are popped.
func (s *scanner) move(pop, push int) {
	if len(s.frames) == 0 {
		return
	}
	s.height = max(s.height-pop, s.frames[len(s.frames)-1].base) + push
	s.highest = max(s.highest, s.height)
}

func (s *scanner) fail(what string) { s.err = fmt.Errorf("%w: %s", wasm.ErrMalformed, what) }

func (s *scanner) within(what string, index, n uint32) {
	if index >= n {
		s.fail("no such " + what)
	}
}

// step takes one instruction.
func (s *scanner) step(in *wasm.Instr) {
	s.move(in.Op.Operands())
	s.weigh(in)
	s.hidden.note(in.Op)
	switch in.Op {
	case wasm.OpBlock, wasm.OpLoop, wasm.OpIf:
		s.enter(in)
	case wasm.OpElse:
		top := &s.frames[len(s.frames)-1]
		if top.op != wasm.OpIf {
			s.fail("else without if")
			return
		}
		top.op = wasm.OpElse
		s.note(in, 0)
		s.height = top.base + top.params
	case wasm.OpEnd:
		s.leave(in)
	case wasm.OpBr, wasm.OpBrIf, wasm.OpBrTable:
		s.branch(in)
	case wasm.OpReturn, wasm.OpUnreachable:
		s.note(in, 0)
		s.dead()
	case wasm.OpCall, wasm.OpCallIndirect:
		s.call(in)
	case wasm.OpReturnCall, wasm.OpReturnCallIndirect:
		s.call(in)
		s.dead()
	case wasm.OpRefFunc:
		s.within("function", in.Index, s.imported+uint32(len(s.m.Funcs)))
		if s.err == nil {
			s.take(in.Index)
			s.note(in, in.Index)
		}
	case wasm.OpLocalGet, wasm.OpLocalSet, wasm.OpLocalTee:
		s.within("local", in.Index, uint32(s.f.locals))
		s.before++
	case wasm.OpGlobalGet, wasm.OpGlobalSet:
		s.within("global", in.Index, s.globals)
		s.before++
	case wasm.OpMemoryGrow:
		s.before += costMemoryGrow
	case wasm.OpMemoryFill, wasm.OpMemoryCopy, wasm.OpMemoryInit, wasm.OpTableFill, wasm.OpTableCopy, wasm.OpTableInit, wasm.OpTableGrow:
		s.bulk(in)
	default:
		if in.Op.Atomic() && !s.threads {
			s.err = threadsRefused
		}
		s.before++
	}
}

// threadsRefused is what is wrong with atomic instructions where they are not allowed.
var threadsRefused = &wasm.FeatureError{
	Feature: wasm.Threads, What: "an atomic instruction", Function: -1,
	Hint: "build it without them, or allow them with --features threads",
}

// dead begins code that is never reached.
func (s *scanner) dead() { s.height = s.frames[len(s.frames)-1].base }
