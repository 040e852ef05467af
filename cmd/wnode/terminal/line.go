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

// The library asks for the position of the cursor before each line, and waits for the answer,
// which some terminals never give. It is answered here: the column is known.
var positionQuery = []byte("\x1b[6n")

// line is the [Editor] of a terminal that can move its cursor.
type line struct {
	opts    Options
	keys    *keyboard
	inFile  *os.File
	outFile *os.File
	lib     *readline.Instance
	history *history
	resized func() // has the library ask for the size again

	// screen and what follows belong to the reader while there is one, else to who holds mu.
	screen    screen
	remembers bool        // the history of the library has a line
	cooked    *term.State // to restore; nil as long as no line has been read
	between   func()      // what to do between taking the line off the screen and drawing it again

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

func newLine(in *source, inFile, outFile *os.File, opts Options) (*line, error) {
	l := &line{opts: opts, inFile: inFile, outFile: outFile, screen: screen{w: outFile}}
	l.keys = newKeyboard(in, l.interruptedBetween, opts.Quit)
	l.history = openHistory(opts.HistoryFile, opts.HistoryLines)
	var err error
	if l.lib, err = readline.NewFromConfig(l.config()); err != nil {
		l.history.close()
		return nil, err
	}
	for _, entry := range l.history.lines {
		l.remember(entry)
	}
	return l, nil
}

// config is how the library is set up.
func (l *line) config() *readline.Config {
	config := &readline.Config{
		Stdin:  l.keys,
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
		// Close do it instead.
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
		l.keys.reply("\x1b[1;" + strconv.Itoa(l.anchor()+1) + "R")
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
		l.opts.Interrupted()
	case err == nil:
		l.entered(text)
	}
	l.rewind()
	return l.end(ctx, done, text, err)
}

// entered tells of a line, and remembers it.
func (l *line) entered(text string) {
	l.mu.Lock()
	prompt := l.prompt
	l.mu.Unlock()
	l.opts.Entered(prompt)
	if l.assisted() && !isBlank(text) {
		l.remember(text)
		l.history.add(text)
	}
}

// remember puts a line into the history of the library.
func (l *line) remember(text string) {
	_ = l.lib.SaveToHistory(text) // in memory only, which cannot fail
	l.remembers = true
}

// rewind has the library forget what the line was that has been read, and the changes to those that it
// remembers: the next line would find them with the keys for the history, even a password.
func (l *line) rewind() {
	if l.remembers {
		_ = l.lib.SaveToHistory("") // goes to the end, and saves nothing
		return
	}
	l.lib.ResetHistory()
}

// errDropped says that the line is off the screen, since ctx has ended or the editor is closed.
var errDropped = errors.New("line dropped")

// interruptedBetween does what Ctrl-C does while no line is being read.
func (l *line) interruptedBetween() {
	l.mu.Lock()
	if l.reading == nil && !l.closed {
		text := "^C\n"
		if !l.screen.raw {
			text = "\n" // the system has shown the rest
		}
		_ = l.screen.output([]byte(text), defaultColumns) // a terminal that fails shows it at the next output
	}
	l.mu.Unlock()
	l.opts.Interrupted()
}

// assisted reports whether the line has history and completion.
func (l *line) assisted() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.assistedLocked()
}

func (l *line) assistedLocked() bool { return !l.noEcho && l.opts.Assisted(l.prompt) }

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
	l.resized()
	if err := l.configureLocked(); err != nil {
		return nil, err
	}
	l.ctx, l.reading = ctx, done
	l.keys.begin(l.assistedLocked())
	return done, nil
}

// configureLocked gives the library the prompt and the echo.
func (l *line) configureLocked() error {
	config := l.lib.GetConfig()
	config.Prompt, config.EnableMask = l.prompt, l.noEcho
	l.changed = false
	return l.lib.SetConfig(config)
}

// end gives the screen back to all, and writes what came too late for the reader.
func (l *line) end(ctx context.Context, done chan struct{}, text string, err error) (string, error) {
	if l.endReading(err) {
		l.interruptedBetween()
	}
	defer close(done)
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.closed:
		return "", fs.ErrClosed
	case err == errDropped:
		return "", context.Cause(ctx)
	}
	return text, err
}

// endReading ends the time of the reader. It reports whether Ctrl-C has been typed since the line was.
func (l *line) endReading(err error) (interrupted bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.screen.muted = false
	if err != errDropped {
		l.screen.column = 0
	}
	_ = l.screen.draw([]byte(pasteOff)) // a terminal that fails is gone
	l.ctx, l.reading = nil, nil
	l.writeLocked(l.writes)
	l.writes = nil
	return l.keys.end()
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

// Interrupt does what Ctrl-C does.
func (l *line) Interrupt() { l.keys.press(keyInterrupt) }

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
	l.keys.close()
	l.exitRaw()
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
