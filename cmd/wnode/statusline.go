package main

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/term"

	"github.com/wnode/wnode"
	"github.com/wnode/wnode/abi"
)

// patience is how long work takes before a person is told what is going on.
const patience = 300 * time.Millisecond

// statusLine shows on standard error, when that is a terminal, what one waits for. The line is gone
// when the work is done, and for good when the module begins to print.
type statusLine struct {
	name string
	w    io.Writer // nil: nothing is shown

	mu     sync.Mutex
	module abi.Hash // whose work is shown; zero: none
	self   string   // the node that shows it
	text   string
	shown  bool
	timer  *time.Timer // shows the text once patience is over; nil when there is nothing to show
}

func newStatusLine(name string) *statusLine {
	s := &statusLine{name: name}
	if term.IsTerminal(int(os.Stderr.Fd())) {
		s.w = os.Stderr
	}
	return s
}

// follow shows the work on a module from now on, at the node of a name. A zero module ends it.
func (s *statusLine) follow(module abi.Hash, self string) {
	s.mu.Lock()
	s.module, s.self = module, self
	s.mu.Unlock()
	s.clear()
}

// report takes note of how far work is.
func (s *statusLine) report(p wnode.Progress) {
	if s.over(p) {
		s.clear()
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if p.Module != s.module {
		return
	}
	s.text = s.describe(p)
	switch {
	case s.shown:
		s.showLocked()
	case s.timer == nil:
		s.timer = time.AfterFunc(patience, s.show)
	}
}

// over reports whether what is shown is done.
func (s *statusLine) over(p wnode.Progress) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p.Work == wnode.WorkWait {
		return p.Module == s.module && p.From == ""
	}
	return p.Module == s.module && p.Done >= p.Total
}

// describe says what is going on.
func (s *statusLine) describe(p wnode.Progress) string {
	text := fmt.Sprintf("%s %s", p.Work, s.name)
	if p.Work == wnode.WorkWait {
		text = fmt.Sprintf("waiting for %s to send %s", p.From, s.name)
		if p.Node != s.self {
			text += " to " + p.Node
		}
	}
	if p.Work == wnode.WorkCompile || p.Total <= 0 || p.Done > p.Total {
		return text
	}
	return text + fmt.Sprintf(" %3d %% of %.1f MB", int(100*float64(p.Done)/float64(p.Total)), float64(p.Total)/1e6)
}

func (s *statusLine) show() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.timer != nil {
		s.showLocked()
	}
}

// eraseLine goes to the start of the line and erases it (ECMA-48, EL).
const eraseLine = "\r\x1b[K"

func (s *statusLine) showLocked() {
	s.shown = true
	if s.w != nil {
		fmt.Fprint(s.w, eraseLine, s.text, " ...")
	}
}

// clear takes the line away.
func (s *statusLine) clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.timer != nil {
		s.timer.Stop()
		s.timer = nil
	}
	if s.shown && s.w != nil {
		fmt.Fprint(s.w, eraseLine)
	}
	s.shown = false
}

// printing is a stream to which a module prints: that is the end of a status line.
type printing struct {
	io.Writer
	status *statusLine
}

func (p printing) Write(b []byte) (int, error) {
	p.status.follow(abi.Hash{}, "")
	return p.Writer.Write(b)
}
