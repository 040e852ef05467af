package guest

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/vm"
	"github.com/wnode/wnode/vm/module/symbolize"
)

// Bounds of what crashes may cost that ask for source lines. Guests that crash all the time, each somewhere
// else, get a small part of a core for it.
const (
	symbolBurst     = 128 << 20 // bytes of debug information that are searched at once
	symbolPerSecond = 4 << 20
	symbolLeast     = 256 << 10 // what a search counts for at least
	maxSymbols      = 512       // instructions whose lines are remembered
)

// symbols finds source lines for backtraces. Its methods may be called concurrently.
type symbols struct {
	turn chan struct{} // a token for who searches: one at a time, for the memory that a module takes

	mu    sync.Mutex
	rate  vm.Allowance // in bytes
	known map[instruction][]symbolize.Frame
}

// instruction is a place in a module.
type instruction struct {
	module abi.Hash
	offset uint32
}

func (s *symbols) init() {
	s.turn = make(chan struct{}, 1)
	s.rate = vm.Allowance{Burst: symbolBurst, PerSecond: symbolPerSecond}
	s.known = map[instruction][]symbolize.Frame{}
}

// find gives what is known of some instructions of a module, which it looks for unless that has been done
// before. It finds nothing, and says no more about it, when nothing may be searched now.
func (s *symbols) find(ctx context.Context, code *code, offsets []uint32, load func() ([]byte, error)) map[uint32][]symbolize.Frame {
	found, missing := s.recall(code.hash, offsets)
	if len(missing) == 0 {
		return found
	}
	select {
	case s.turn <- struct{}{}:
	case <-ctx.Done():
		return found
	}
	defer func() { <-s.turn }()
	if found, missing = s.recall(code.hash, offsets); len(missing) == 0 || !s.allow(code.debug) {
		return found
	}
	module, err := load()
	if err != nil {
		return found
	}
	fresh, err := symbolize.Find(ctx, module, missing)
	if err != nil && ctx.Err() != nil {
		return found
	}
	for _, offset := range missing { // what is not there is remembered too
		found[offset] = printableFrames(fresh[offset])
		s.remember(instruction{code.hash, offset}, found[offset])
	}
	return found
}

func (s *symbols) allow(bytes int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rate.Spend(time.Now(), float64(max(bytes, symbolLeast)))
}

func (s *symbols) recall(module abi.Hash, offsets []uint32) (found map[uint32][]symbolize.Frame, missing []uint32) {
	found = map[uint32][]symbolize.Frame{}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, offset := range offsets {
		if frames, ok := s.known[instruction{module, offset}]; ok {
			found[offset] = frames
		} else {
			missing = append(missing, offset)
		}
	}
	return found, missing
}

func (s *symbols) remember(at instruction, frames []symbolize.Frame) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.known) >= maxSymbols {
		clear(s.known)
	}
	s.known[at] = frames
}

// printableFrames bounds what a module says of itself.
func printableFrames(frames []symbolize.Frame) []symbolize.Frame {
	frames = frames[max(0, len(frames)-maxFrames):]
	for i := range frames {
		f := &frames[i]
		f.File, f.Function = printable(f.File, maxNameBytes), printable(withoutTypes(f.Function), maxNameBytes)
	}
	return frames
}

// withoutTypes leaves out the types that a function is made for, which can be long: fold<u32, ...> is fold.
func withoutTypes(function string) string {
	if i := strings.IndexByte(function, '<'); i > 0 && strings.HasSuffix(function, ">") {
		return function[:i]
	}
	return function
}

// withLines puts source lines into a backtrace, and in front of each frame those of the functions that were
// inlined there.
func (g *guest) withLines(frames []traceFrame) []traceFrame {
	if g.code.debug == 0 {
		return frames
	}
	var offsets []uint32
	for i := range frames {
		if frames[i].offset != 0 {
			offsets = append(offsets, frames[i].offset)
		}
	}
	defer g.away()()
	found := g.engine.symbols.find(g, g.code, offsets, func() ([]byte, error) {
		here := g.process.Pid().Node // where a module of code that runs is, or was
		return g.engine.opts.Modules.Module(g, g.fn.Module, here)
	})
	var all []traceFrame
	for _, f := range frames {
		for _, source := range found[f.offset] {
			one := f
			if source.Function != "" { // inlined
				one.function, one.arity, one.types = source.Function, source.Arity, ""
			}
			one.file, one.line = source.File, source.Line
			all = append(all, one)
		}
		if len(found[f.offset]) == 0 {
			all = append(all, f)
		}
	}
	return all[:min(len(all), maxFrames)]
}
