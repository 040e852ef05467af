package terminal

import (
	"io"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"
)

// emulator is as much of a terminal as the tests need: rows that scroll, a cursor, and the
// sequences that the library writes. Unlike a real one it never answers.
type emulator struct {
	columns int

	mu       sync.Mutex
	changed  *sync.Cond
	rows     [][]rune
	row, col int
	modes    map[string]bool
	pending  []byte
	unknown  []string
	ended    bool
}

func newEmulator(columns int) *emulator {
	e := &emulator{columns: columns, rows: [][]rune{nil}, modes: map[string]bool{}}
	e.changed = sync.NewCond(&e.mu)
	return e
}

// follow shows what comes from r until it ends.
func (e *emulator) follow(r io.Reader) {
	buf := make([]byte, 1024)
	for {
		n, err := r.Read(buf)
		e.mu.Lock()
		e.pending = append(e.pending, buf[:n]...)
		for e.step() {
		}
		e.ended = err != nil
		e.changed.Broadcast()
		e.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// giveUp ends all waiting.
func (e *emulator) giveUp() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.ended = true
	e.changed.Broadcast()
}

// step shows the next character or sequence; false when there is none that is complete.
func (e *emulator) step() bool {
	b := e.pending
	if len(b) == 0 || !utf8.FullRune(b) {
		return false
	}
	if b[0] == 0x1b {
		if len(b) < 3 {
			return false
		}
		for i := 2; i < len(b); i++ {
			if b[i] >= '@' && b[i] <= '~' {
				e.sequence(string(b[2:i]), b[i])
				e.pending = b[i+1:]
				return true
			}
		}
		return false
	}
	r, n := utf8.DecodeRune(b)
	e.pending = b[n:]
	e.char(r)
	return true
}

func (e *emulator) char(r rune) {
	switch r {
	case '\n':
		e.down()
	case '\r':
		e.col = 0
	case '\b':
		e.col = max(0, min(e.col, e.columns-1)-1)
	case '\a':
	default:
		w := runeWidth(r)
		if e.col+w > e.columns {
			e.down()
			e.col = 0
		}
		line := e.rows[e.row]
		for len(line) < e.col+w {
			line = append(line, ' ')
		}
		line[e.col] = r
		if w == 2 {
			line[e.col+1] = 0
		}
		e.rows[e.row] = line
		e.col += w
	}
}

func (e *emulator) down() {
	e.row++
	for len(e.rows) <= e.row {
		e.rows = append(e.rows, nil)
	}
}

func (e *emulator) sequence(args string, final byte) {
	n, err := strconv.Atoi(args)
	if err != nil {
		n = 0
	}
	switch {
	case final == 'm': // a color
	case final == 'A':
		e.row = max(0, e.row-max(n, 1))
	case final == 'C':
		e.col = min(e.columns-1, e.col+max(n, 1))
	case final == 'G':
		e.col = min(max(n, 1), e.columns) - 1
	case final == 'J' && n == 0:
		e.rows = e.rows[:e.row+1]
		e.cut()
	case final == 'K' && n == 0:
		e.cut()
	case final == 'h' || final == 'l':
		e.modes[args] = final == 'h'
	default:
		e.unknown = append(e.unknown, args+string(final))
	}
}

func (e *emulator) cut() {
	if line := e.rows[e.row]; len(line) > e.col {
		e.rows[e.row] = line[:e.col]
	}
}

// text gives what is on the screen, without blanks at the ends.
func (e *emulator) text() string {
	var lines []string
	for _, row := range e.rows {
		lines = append(lines, strings.TrimRight(strings.ReplaceAll(string(row), "\x00", ""), " "))
	}
	return strings.TrimRight(strings.Join(lines, "\n"), "\n")
}

// await waits until the screen is such that ok says so, or nothing more comes, and gives it.
func (e *emulator) await(ok func(screen string) bool) (screen string, found bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for !ok(e.text()) {
		if e.ended {
			return e.text(), false
		}
		e.changed.Wait()
	}
	return e.text(), true
}
