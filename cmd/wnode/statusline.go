package main

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/term"

	"github.com/wnode/wnode"
)

// patience is how long work takes before a person is told what is going on.
const patience = 300 * time.Millisecond

// statusLine shows on standard error, when that is a terminal, what one waits for. The line is gone
// when the work is done.
type statusLine struct {
	name string
	w    io.Writer // nil: nothing is shown

	mu    sync.Mutex
	text  string
	shown bool
	timer *time.Timer // shows the text once patience is over; nil when there is nothing to show
}

func newStatusLine(name string) *statusLine {
	s := &statusLine{name: name}
	if term.IsTerminal(int(os.Stderr.Fd())) {
		s.w = os.Stderr
	}
	return s
}

// report takes note of how far work is.
func (s *statusLine) report(p wnode.Progress) {
	if p.Done >= p.Total {
		s.clear()
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.text = fmt.Sprintf("%s %s", p.Work, s.name)
	if p.Work != wnode.WorkCompile {
		s.text += fmt.Sprintf(" %3d %% of %.1f MB", 100*p.Done/p.Total, float64(p.Total)/1e6)
	}
	switch {
	case s.shown:
		s.showLocked()
	case s.timer == nil:
		s.timer = time.AfterFunc(patience, s.show)
	}
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
