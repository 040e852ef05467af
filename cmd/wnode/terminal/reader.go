package terminal

import (
	"io"
	"strings"

	"github.com/ergochat/readline"
	"golang.org/x/term"
)

// wake has the reader call attend.
func (l *line) wake() { l.keys.wake() }

// filter sees each rune, on the reader's goroutine, before the library acts on it.
func (l *line) filter(r rune) (rune, bool) {
	l.resized()
	if r == wakeRune {
		if l.attend() {
			return readline.CharInterrupt, true
		}
		return 0, false
	}
	switch r {
	case readline.CharCtrlL:
		l.screen.column = 0
	case readline.CharCtrlZ:
		return r, false // it would stop the whole node, and its peers would take it for dead
	case readline.CharTab, readline.CharPrev, readline.CharNext, readline.CharBckSearch, readline.CharFwdSearch:
		return r, l.assisted()
	}
	return r, true
}

// attend does what others want of the reader. It reports that the line is to be dropped; it is off
// the screen then.
func (l *line) attend() (drop bool) {
	l.mu.Lock()
	writes, changed := l.writes, l.changed
	l.writes = nil
	drop = l.closed || l.ctx.Err() != nil
	l.mu.Unlock()
	if len(writes) > 0 {
		l.above(writes)
	}
	if changed && !drop {
		l.redraw()
	}
	if drop {
		l.around(l.anchor(), func() { l.screen.muted = true })
	}
	return drop
}

// above writes output above the line.
func (l *line) above(writes []*write) {
	columns, _, _ := l.Size()
	column := l.anchor()
	for _, w := range writes {
		column = columnAfter(column, w.data, columns)
	}
	l.screen.column = l.anchor()
	l.around(column%columns, func() {
		for _, w := range writes {
			w.done <- l.screen.output(w.data, columns)
		}
		if column == columns {
			_ = l.screen.draw([]byte(" \b")) // to where the prompt goes; a terminal that fails shows it later
		}
		l.screen.column = column % columns
	})
}

// redraw draws the line under a new prompt.
func (l *line) redraw() {
	l.around(l.anchor(), func() { l.screen.muted = true })
	l.mu.Lock()
	_ = l.configureLocked() // only fields that have no wrong values
	l.keys.prompted(l.assistedLocked())
	l.mu.Unlock()
	l.around(l.anchor(), func() { l.screen.muted = false })
}

// around takes the line off the screen, calls f, and draws the line again with its prompt at a column.
func (l *line) around(column int, f func()) {
	l.between = f
	// The library thinks that this is written, and where the prompt begins follows from it.
	_, _ = io.WriteString(l.lib.Stderr(), "\n"+strings.Repeat(" ", column))
}

// makeRaw has the terminal send each key, and mark what is pasted. It stays so until Close: while the
// system read keys in between, it would keep for itself those that come between the lines.
func (l *line) makeRaw() error {
	state, err := term.MakeRaw(int(l.inFile.Fd())) // each time: who stopped the program may have changed it
	if err != nil {
		return err
	}
	if l.cooked == nil {
		l.cooked = state
	}
	l.screen.raw = true
	return l.screen.draw([]byte(pasteOn))
}

// exitRaw gives the terminal back as it was. A terminal that fails is gone.
func (l *line) exitRaw() {
	if l.cooked != nil {
		_ = term.Restore(int(l.inFile.Fd()), l.cooked)
	}
	l.screen.raw = false
}
