package rewrite

import (
	"sort"
	"strings"

	"github.com/wnode/wnode/vm/module/wasm"
)

// Offsets tells where in a module the code of the rewritten module comes from. The zero value knows of
// no code. Its methods may be called concurrently.
type Offsets struct {
	runs []run // by their place in the new code
}

// run is code of the new module up to the next run: code as it was, or code that was put in.
type run struct {
	start uint32 // in the content of the new code section
	from  uint32 // in the original module, and whether all of the run comes from there
}

// added marks what was put in for one instruction, or is no code of the original module at all.
const (
	added   = 1 << 31
	nowhere = added | (added - 1)
)

// Original gives the offset, from the beginning of the original module, of the instruction that an offset in
// the content of the new code section belongs to. It reports false for code that belongs to none.
func (o Offsets) Original(offset uint32) (uint32, bool) {
	i := sort.Search(len(o.runs), func(i int) bool { return o.runs[i].start > offset }) - 1
	switch {
	case i < 0 || o.runs[i].from == nowhere:
		return 0, false
	case o.runs[i].from&added != 0:
		return o.runs[i].from &^ added, true
	}
	return o.runs[i].from + offset - o.runs[i].start, true
}

// add appends a run, unless it goes on as the last one does.
func (o *Offsets) add(start, from uint32) {
	if n := len(o.runs); n > 0 {
		last := &o.runs[n-1]
		if last.start == start { // which was empty
			last.from = from
			return
		}
		if last.from&added == 0 && from&added == 0 && from-last.from == start-last.start {
			return
		}
	}
	o.runs = append(o.runs, run{start, from})
}

// LinesSection is the custom section by which a module is known to have source lines.
const LinesSection = debugPrefix + "line"

const debugPrefix = ".debug_"

// hasLines reports whether there are source lines to look up, which is what offsets are kept for.
func hasLines(m *wasm.Module) bool {
	for i := range m.Customs {
		if m.Customs[i].Name == LinesSection {
			return true
		}
	}
	return false
}

// debugBytes counts the bytes of debug information.
func debugBytes(m *wasm.Module) (n int) {
	for i := range m.Customs {
		if strings.HasPrefix(m.Customs[i].Name, debugPrefix) {
			n += len(m.Customs[i].Content)
		}
	}
	return n
}

// offsets puts together where the code of all functions came from, when all of it is there.
func (r *rewriter) offsets() Offsets {
	var o Offsets
	if !r.traced {
		return o
	}
	for i, start := range r.m.BodyOffsets() {
		if i >= len(r.funcs) {
			o.add(start, nowhere)
			break
		}
		for _, piece := range r.funcs[i].runs {
			o.add(start+piece.start, piece.from)
		}
		r.funcs[i].runs = nil
	}
	return o
}
