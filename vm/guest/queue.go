package guest

import (
	"fmt"

	"github.com/wnode/wnode/abi"
)

const (
	// maxCompilers bounds the modules that are compiled at the same time: each takes a core and many
	// times the module's size in memory.
	maxCompilers = 2
	// maxLine bounds the modules of one origin that are being loaded or wait to be compiled.
	maxLine = 256
)

// errLine ends a process whose origin wants too many modules at a time.
var errLine = fmt.Errorf("%d modules are being loaded for the process and those that it came of: %w", maxLine, abi.ErrLimit)

// queue says which module is compiled next. Each origin ([vm.Process.Origin]) has a line of its own and
// one compiler at a time, and the one that was served last comes last: so whoever puts ever new modules
// into its line holds up nobody else's. The lock of [cache] guards it.
type queue struct {
	free  int
	lines map[abi.Pid]*line
	turns []*line // those with loads, in the order of their turns
}

// line is what is to be compiled for one origin. A load may stand in several.
type line struct {
	origin abi.Pid
	loads  []*load // that wait for a compiler, but for some that have had one meanwhile
	wanted int     // loads that are not done
	busy   bool    // one of them is being compiled
}

func (q *queue) init() {
	q.free, q.lines = maxCompilers, map[abi.Pid]*line{}
}

// want enters a load for an origin, unless it is there already. One whose bytes are here stands in line.
func (q *queue) want(l *load, origin abi.Pid) error {
	ln := q.lines[origin]
	if ln == nil {
		ln = &line{origin: origin}
		q.lines[origin] = ln
	}
	switch {
	case l.lines[ln]:
		return nil
	case ln.wanted >= maxLine:
		return errLine
	}
	ln.wanted++
	l.lines[ln] = true
	if l.fetched {
		q.stand(l, ln)
	}
	return nil
}

// fetched has a load stand in all lines in which it is wanted.
func (q *queue) fetched(l *load) {
	l.fetched = true
	for ln := range l.lines {
		q.stand(l, ln)
	}
}

func (q *queue) stand(l *load, ln *line) {
	if l.served != nil {
		return
	}
	if len(ln.loads) == 0 && !ln.busy {
		q.turns = append(q.turns, ln)
	}
	ln.loads = append(ln.loads, l)
	q.serve()
}

// done takes a load out whose bytes could not be had, or that has been compiled.
func (q *queue) done(l *load) {
	if served := l.served; served != nil {
		q.free++
		served.busy = false
		if len(served.loads) > 0 {
			q.turns = append(q.turns, served)
		}
	}
	for ln := range l.lines {
		if ln.wanted--; ln.wanted == 0 {
			delete(q.lines, ln.origin)
		}
	}
	q.serve()
}

// serve gives the free compilers to those whose turn it is.
func (q *queue) serve() {
	for q.free > 0 && len(q.turns) > 0 {
		ln := q.turns[0]
		q.turns = q.turns[1:]
		for len(ln.loads) > 0 && !ln.busy {
			l := ln.loads[0]
			ln.loads = ln.loads[1:]
			if l.served == nil {
				q.free--
				ln.busy, l.served = true, ln
				close(l.turn)
			}
		}
	}
}
