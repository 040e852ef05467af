package terminal

import (
	"context"
	"fmt"
	"io"
	"os"

	"golang.org/x/term"
)

// Options are the parameters of [Open].
type Options struct {
	// HistoryFile keeps the lines that were entered; it is made with mode 0600. A file that cannot be
	// used costs the history and nothing else. "": lines are remembered until Close.
	HistoryFile string
	// HistoryLines is how many lines are kept. 0: 1000.
	HistoryLines int
	// Complete gives what may stand in place of line[start:]; each candidate begins with line[start:].
	// It is called while the line is edited and must return soon. nil: nothing is completed.
	Complete func(line string) (start int, candidates []string)
	// Assisted reports whether lines under a prompt have history and completion. nil: all have.
	Assisted func(prompt string) bool
	// Entered is told of each line that is entered, with its prompt, before ReadLine gives it. nil: nobody is.
	Entered func(prompt string)
	// Interrupted is told of Ctrl-C and of Interrupt, whether or not a line is being read. When it comes
	// after a line has been entered, so does this after Entered. nil: nobody is.
	Interrupted func()
	// Quit is told of Ctrl-\. It must not wait for the editor. nil: nobody is.
	Quit func()
	// Dumb says that the terminal cannot move its cursor.
	Dumb bool
}

// complete puts in what stands for nil.
func (o *Options) complete() {
	if o.Assisted == nil {
		o.Assisted = func(string) bool { return true }
	}
	if o.Entered == nil {
		o.Entered = func(string) {}
	}
	if o.Interrupted == nil {
		o.Interrupted = func() {}
	}
	if o.Quit == nil {
		o.Quit = func() {}
	}
}

// Editor reads lines while others write. ReadLine is for one goroutine at a time; the other methods
// may be called concurrently, with it and with each other.
type Editor interface {
	// Write writes above the line that is being edited, which is then as it was. Text that does not
	// end with a newline stays in front of the prompt, and what is written next continues it.
	io.Writer
	// ReadLine shows the prompt and gives the line that the user enters, without a line end. Its
	// errors are [io.EOF] at the end of the input and for Ctrl-D on an empty line, one that wraps
	// abi.ErrInterrupted for Ctrl-C, fs.ErrClosed after Close, and the cause of ctx when that has
	// ended: then the line is gone from the screen.
	ReadLine(ctx context.Context) (string, error)
	// SetPrompt sets the prompt, one line, of the next ReadLine, and of the one that is waiting.
	SetPrompt(prompt string)
	// SetEcho turns the showing of what is typed on or off.
	SetEcho(on bool) error
	// Size gives the size in characters.
	Size() (columns, rows int, err error)
	// Interrupt does what Ctrl-C does, for a program that has got the signal instead.
	Interrupt()
	// Close ends a ReadLine and gives the terminal back as it was. The files stay open.
	Close() error
}

// Open opens an editor that reads from in and writes to out, which stay the caller's. The error is
// that the terminal's state cannot be read.
func Open(in, out *os.File, opts Options) (Editor, error) {
	opts.complete()
	source, err := openSource(in)
	if err != nil {
		return nil, fmt.Errorf("open the terminal: %w", err)
	}
	isTerminal := term.IsTerminal(int(in.Fd())) && term.IsTerminal(int(out.Fd()))
	if opts.Dumb || !isTerminal {
		return newPlain(source, out, opts), nil
	}
	e, err := newLine(source, in, out, opts)
	if err != nil {
		source.close()
		return nil, fmt.Errorf("open the terminal: %w", err)
	}
	return e, nil
}

// Fallbacks for a terminal that does not tell its size, or tells one in which nothing fits.
const (
	defaultColumns = 80
	defaultRows    = 24
	minColumns     = 2
)

// size gives the size of the terminal that f is.
func size(f *os.File) (columns, rows int, err error) {
	columns, rows, err = term.GetSize(int(f.Fd()))
	if err != nil {
		return 0, 0, err
	}
	if columns < minColumns {
		columns = defaultColumns
	}
	if rows <= 0 {
		rows = defaultRows
	}
	return columns, rows, nil
}
