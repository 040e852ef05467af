package terminal

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/ergochat/readline"
	"golang.org/x/term"

	"github.com/wnode/wnode/abi"
)

// wakeRune in the input has the reader look after what others want of it. It is a noncharacter: no
// keyboard sends it, and if text has one it does no harm.
const wakeRune = '\U0010fffe'

// The library asks for the position of the cursor before each line, and waits for the answer,
// which some terminals never give. It is answered here: the column is known.
var positionQuery = []byte("\x1b[6n")

// line is the [Editor] of a terminal that can move its cursor.
type line struct {
	opts    Options
	in      *input
	inFile  *os.File
	outFile *os.File
	lib     *readline.Instance
	history *history
	resized func() // has the library ask for the size again

	// screen and what follows belong to the reader while there is one, else to who holds mu.
	screen  screen
	cooked  *term.State // to restore, while the terminal is raw
	between func()      // what to do between taking the line off the screen and drawing it again

	mu      sync.Mutex // guards all below
	ctx     context.Context
	reading chan struct{} // closed when the ReadLine that runs returns; nil when none does
	writes  []*write      // wait for the reader
	prompt  string
	noEcho  bool
	changed bool // prompt or noEcho since the line was drawn
	closed  bool
}

// write is output that waits for the reader.
type write struct {
	data []byte
	done chan error // capacity 1
}

func newLine(in *input, inFile, outFile *os.File, opts Options) (*line, error) {
	if opts.Assisted == nil {
		opts.Assisted = func(string) bool { return true }
	}
	l := &line{opts: opts, in: in, inFile: inFile, outFile: outFile, screen: screen{w: outFile}}
	l.history = openHistory(opts.HistoryFile, opts.HistoryLines)
	var err error
	if l.lib, err = readline.NewFromConfig(l.config()); err != nil {
		l.history.close()
		return nil, err
	}
	for _, entry := range l.history.lines {
		_ = l.lib.SaveToHistory(entry) // in memory only, which cannot fail
	}
	return l, nil
}

// config is how the library is set up.
func (l *line) config() *readline.Config {
	config := &readline.Config{
		Stdin:  l.in,
		Stdout: writerFunc(l.draw),
		Stderr: writerFunc(func(data []byte) (int, error) {
			l.between()
			return len(data), nil
		}),
		HistoryLimit:           l.history.limit,
		DisableAutoSaveHistory: true,
		Undo:                   true,
		FuncFilterInputRune:    l.filter,
		FuncIsTerminal:         func() bool { return true },
		// The library restores the terminal on a goroutine of its own when the input ends: begin and
		// end do it instead.
		FuncMakeRaw: func() error { return nil },
		FuncExitRaw: func() error { return nil },
		FuncGetSize: func() (int, int) {
			columns, rows, _ := l.Size() // the defaults on an error
			return columns, rows
		},
		FuncOnWidthChanged: func(f func()) { l.resized = f },
	}
	if l.opts.Complete != nil {
		config.AutoComplete = completer(l.opts.Complete)
	}
	return config
}

// writerFunc is a function as an [io.Writer].
type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(data []byte) (int, error) { return f(data) }

// draw is what the library writes with.
func (l *line) draw(data []byte) (int, error) {
	if bytes.Equal(data, positionQuery) {
		l.in.inject("\x1b[1;" + strconv.Itoa(l.anchor()+1) + "R")
		return len(data), nil
	}
	if l.screen.muted {
		return len(data), nil
	}
	return len(data), l.screen.draw(data)
}

// anchor is the column at which the prompt begins.
func (l *line) anchor() int {
	if columns, _, _ := l.Size(); l.screen.column >= columns {
		return 0
	}
	return l.screen.column
}

// ReadLine reads a line.
func (l *line) ReadLine(ctx context.Context) (string, error) {
	done, err := l.begin(ctx)
	if err != nil {
		return "", err
	}
	stop := context.AfterFunc(ctx, l.wake)
	text, err := l.lib.ReadLine()
	stop()
	switch {
	case l.screen.muted:
		err = errDropped
	case errors.Is(err, readline.ErrInterrupt):
		err = abi.ErrInterrupted
		l.tellInterrupted()
	case err == nil && l.assisted() && strings.TrimSpace(text) != "":
		_ = l.lib.SaveToHistory(text) // in memory only, which cannot fail
		l.history.add(text)
	}
	return l.end(ctx, done, text, err)
}

// errDropped says that the line is off the screen, since ctx has ended or the editor is closed.
var errDropped = errors.New("line dropped")

func (l *line) tellInterrupted() {
	if l.opts.Interrupted != nil {
		l.opts.Interrupted()
	}
}

// assisted reports whether the line has history and completion.
func (l *line) assisted() bool {
	l.mu.Lock()
	prompt, noEcho := l.prompt, l.noEcho
	l.mu.Unlock()
	return !noEcho && l.opts.Assisted(prompt)
}

// begin makes the caller the reader.
func (l *line) begin(ctx context.Context) (done chan struct{}, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, fs.ErrClosed
	}
	done = make(chan struct{})
	if err := l.makeRaw(); err != nil {
		return nil, err
	}
	l.ctx, l.reading = ctx, done
	l.resized()
	return done, l.configureLocked()
}

// configureLocked gives the library the prompt and the echo.
func (l *line) configureLocked() error {
	config := l.lib.GetConfig()
	config.Prompt, config.EnableMask = l.prompt, l.noEcho
	l.changed = false
	return l.lib.SetConfig(config)
}

// end gives the terminal back to all, and writes what came too late for the reader.
func (l *line) end(ctx context.Context, done chan struct{}, text string, err error) (string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer close(done)
	l.screen.muted = false
	if err != errDropped {
		l.screen.column = 0
	}
	l.exitRaw()
	l.ctx, l.reading = nil, nil
	l.writeLocked(l.writes)
	l.writes = nil
	switch {
	case l.closed:
		return "", fs.ErrClosed
	case err == errDropped:
		return "", context.Cause(ctx)
	}
	return text, err
}

// Write writes above the line.
func (l *line) Write(data []byte) (int, error) {
	w := &write{data: data, done: make(chan error, 1)}
	l.mu.Lock()
	switch {
	case l.closed:
		l.mu.Unlock()
		return 0, fs.ErrClosed
	case l.reading != nil:
		l.writes = append(l.writes, w)
		l.wake()
	default:
		l.writeLocked([]*write{w})
	}
	l.mu.Unlock()
	if err := <-w.done; err != nil {
		return 0, err
	}
	return len(data), nil
}

// writeLocked writes output where the cursor is.
func (l *line) writeLocked(writes []*write) {
	columns, _, _ := l.Size()
	for _, w := range writes {
		w.done <- l.screen.output(w.data, columns)
	}
}

// SetPrompt sets the prompt.
func (l *line) SetPrompt(prompt string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.prompt, l.changed = prompt, true
	if l.reading != nil {
		l.wake()
	}
}

// SetEcho turns the echo on or off.
func (l *line) SetEcho(on bool) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.noEcho, l.changed = !on, true
	if l.reading != nil {
		l.wake()
	}
	return nil
}

// Size asks the terminal.
func (l *line) Size() (columns, rows int, err error) {
	columns, rows, err = size(l.outFile)
	if err != nil {
		return defaultColumns, defaultRows, err
	}
	return columns, rows, nil
}

// Interrupt drops the line, if one is being read, and tells of it.
func (l *line) Interrupt() {
	l.mu.Lock()
	reading := l.reading != nil
	if reading {
		l.in.inject(string(rune(readline.CharInterrupt)))
	} else if !l.closed {
		// The system has shown ^C. A terminal that fails shows it at the next output.
		_ = l.screen.output([]byte("\n"), defaultColumns)
	}
	l.mu.Unlock()
	if !reading {
		l.tellInterrupted()
	}
}

// Close ends the reader and waits for it.
func (l *line) Close() error {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return nil
	}
	l.closed = true
	reading := l.reading
	l.wake()
	l.mu.Unlock()
	if reading != nil {
		<-reading
	}
	err := l.lib.Close()
	l.in.close()
	l.in.release()
	l.history.close()
	return err
}

// completer is the completion in the library's terms.
type completer func(line string) (start int, candidates []string)

// Do gives what each candidate adds, and how many runes of it are there already.
func (c completer) Do(text []rune, pos int) (additions [][]rune, length int) {
	before := string(text[:pos])
	start, candidates := c(before)
	if start < 0 || start > len(before) {
		return nil, 0
	}
	word := before[start:]
	for _, candidate := range candidates {
		if addition, ok := strings.CutPrefix(candidate, word); ok {
			additions = append(additions, []rune(addition))
		}
	}
	return additions, utf8.RuneCountInString(word)
}
