package symbolize

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/wnode/wnode/vm/module/wasm"
)

// Bounds of what a search gives and keeps.
const (
	maxUnits   = 1 << 16
	maxInlined = 64 // functions that were inlined at one place, from the outermost
)

// nameless stands for a function that was inlined and whose name is not known.
const nameless = "?"

// Frame is a call in the source code.
type Frame struct {
	// Function is the name of a function that was inlined, "" for the one that the code belongs to.
	Function string
	// Arity is how many parameters an inlined function has.
	Arity int
	// File is as the compiler was told it, without the folder that it ran in. "": it is not known.
	File string
	// Line counts from 1. 0: it is not known.
	Line int
}

// ErrTooMuch says that a search was given up because the debug information asks for more work than
// is done for any.
var ErrTooMuch = errors.New("debug information that takes too long to read")

// ErrNoLines says that a module has no source lines.
var ErrNoLines = errors.New("module without source lines")

// Find looks for instructions by their offsets in a module. For each that has a line it gives the frames, the
// innermost first: functions that were inlined come before the one that the code belongs to, which is always there.
//
// It only reads module. Malformed debug information gives fewer lines, or wrong ones, and no error; a
// module that is malformed itself is an error that wraps [wasm.ErrMalformed]. The others are [ErrNoLines],
// [ErrTooMuch] and the cause of ctx. Safe for concurrent use.
func Find(ctx context.Context, module []byte, offsets []uint32) (frames map[uint32][]Frame, err error) {
	defer func() {
		if r := recover(); r != nil {
			frames, err = nil, fmt.Errorf("read debug information: internal error: %v", r)
		}
	}()
	s := &search{effort: effort{ctx: ctx, left: minSteps}}
	if err := s.open(module); err != nil {
		return nil, err
	}
	places := s.places(offsets)
	s.lines(places)
	s.calls(places)
	frames = map[uint32][]Frame{}
	for _, p := range places {
		if f := s.frames(p); f != nil {
			frames[p.offset] = f
		}
	}
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case s.effort.left < 0:
		return nil, ErrTooMuch
	}
	return frames, nil
}

// search is one use of a module's debug information.
type search struct {
	effort effort
	code   uint32 // where the content of the code section begins, from which addresses count

	line, info, abbrev, str, lineStr, strOffsets, addr, ranges, rangeLists reader

	known   []*unit           // compile units, once they are needed
	abbrevs int               // that are kept
	heads   map[int]*lineUnit // those of .debug_line that have places
}

// place is an instruction that is looked for.
type place struct {
	offset  uint32
	address uint64
	found   bool
	unit    int // of .debug_line
	row     row
	calls   []call
}

// open finds the sections.
func (s *search) open(module []byte) error {
	sections, err := wasm.Sections(module)
	if err != nil {
		return err
	}
	known := map[string]*reader{
		".debug_line": &s.line, ".debug_info": &s.info, ".debug_abbrev": &s.abbrev, ".debug_str": &s.str,
		".debug_line_str": &s.lineStr, ".debug_str_offsets": &s.strOffsets, ".debug_addr": &s.addr,
		".debug_ranges": &s.ranges, ".debug_rnglists": &s.rangeLists,
	}
	for _, r := range known {
		r.effort = &s.effort
	}
	for i := range sections {
		section := &sections[i]
		if section.ID == wasm.SectionCode {
			s.code = uint32(section.Start)
		}
		if r := known[section.Name]; r != nil {
			r.b = section.Content
			s.effort.left += stepsPerByte * len(r.b)
		}
	}
	if s.line.b == nil || s.code == 0 {
		return ErrNoLines
	}
	return nil
}

// places gives those of the offsets that are in code, each once, in order.
func (s *search) places(offsets []uint32) (places []*place) {
	sorted := slices.Compact(slices.Sorted(slices.Values(offsets)))
	for _, offset := range sorted {
		if offset >= s.code {
			places = append(places, &place{offset: offset, address: uint64(offset - s.code)})
		}
	}
	return places
}

// lines looks for the rows of places.
func (s *search) lines(places []*place) {
	s.heads = map[int]*lineUnit{}
	for r := s.line; r.more(); {
		u, ok := nextLineUnit(&r)
		if !ok {
			continue
		}
		u.run(places)
		for _, p := range places {
			if p.found && p.unit == u.start {
				s.heads[u.start] = &u
				break
			}
		}
	}
}

// calls looks for the functions that were inlined at places.
func (s *search) calls(places []*place) {
	s.known = s.units()
	for _, u := range s.known {
		var here []*place
		for _, p := range places {
			if p.found && u.hasLines && uint64(p.unit) == u.lines {
				here = append(here, p)
			}
		}
		if len(here) > 0 {
			s.inlined(u, here)
		}
	}
}

// frames puts together what was found of a place; nil for nothing.
func (s *search) frames(p *place) []Frame {
	if !p.found {
		return nil
	}
	head := s.heads[p.unit]
	at := func(file, line uint64) Frame {
		if line == 0 || line > math.MaxInt32 {
			return Frame{} // code that the compiler made up
		}
		return Frame{File: s.file(head, file), Line: int(line)}
	}
	frames := []Frame{at(p.row.file, uint64(p.row.line))}
	for _, c := range slices.Backward(p.calls) {
		inner := &frames[len(frames)-1]
		if inner.Function, inner.Arity = s.function(c.origin); inner.Function == "" {
			inner.Function = nameless
		}
		frames = append(frames, at(c.file, c.line))
	}
	return frames
}
