package terminal

import (
	"bytes"
	"context"
	"io/fs"
	"os"
	"sync"

	"github.com/wnode/wnode/abi"
)

// maxPlainLine bounds a line of what is no terminal; a longer one comes in pieces.
const maxPlainLine = 1 << 20

// plain is the [Editor] of what cannot move a cursor: lines come as the system gives them, and output
// that comes meanwhile goes on lines of its own, with the prompt again after it.
type plain struct {
	opts Options
	in   *source
	out  *os.File
	rest []byte // read, and not yet a line; belongs to the reader

	mu          sync.Mutex // guards all below
	screen      screen
	reading     chan struct{} // closed when the ReadLine that runs returns; nil when none does
	shown       bool          // the prompt is the last thing on the screen
	prompt      string
	interrupted bool
	closed      bool
}

func newPlain(in *source, out *os.File, opts Options) *plain {
	return &plain{opts: opts, in: in, out: out, screen: screen{w: out}}
}

// ReadLine reads a line.
func (p *plain) ReadLine(ctx context.Context) (string, error) {
	done := make(chan struct{})
	defer p.end(done)
	if err := p.begin(done); err != nil {
		return "", err
	}
	defer context.AfterFunc(ctx, p.wake)()
	var buf [4096]byte
	for {
		if err := p.broken(ctx); err != nil {
			return "", err
		}
		if text, ok := p.line(); ok {
			return p.entered(text), nil
		}
		n, err := p.in.read(buf[:])
		p.rest = append(p.rest, buf[:n]...)
		if err != nil && len(p.rest) > 0 {
			text := string(p.rest)
			p.rest = nil
			return p.entered(text), nil
		}
		if err != nil {
			return "", err
		}
	}
}

// entered tells of a line.
func (p *plain) entered(text string) string {
	p.mu.Lock()
	prompt := p.prompt
	p.mu.Unlock()
	p.opts.Entered(prompt)
	return text
}

func (p *plain) begin(done chan struct{}) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return fs.ErrClosed
	}
	p.reading = done
	return p.showLocked()
}

// showLocked shows the prompt.
func (p *plain) showLocked() error {
	p.shown = true
	return p.screen.draw([]byte(p.prompt))
}

func (p *plain) end(done chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reading, p.shown = nil, false
	p.screen.column = 0
	close(done)
}

// line takes a line out of what has been read.
func (p *plain) line() (string, bool) {
	i := bytes.IndexByte(p.rest, '\n')
	if i < 0 && len(p.rest) < maxPlainLine {
		return "", false
	}
	text, rest := p.rest, []byte(nil)
	if i >= 0 {
		text, rest = p.rest[:i], p.rest[i+1:]
	}
	p.rest = rest
	return string(bytes.TrimSuffix(text, []byte("\r"))), true
}

// broken tells why the read must end.
func (p *plain) broken(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.closed:
		return fs.ErrClosed
	case ctx.Err() != nil:
		_ = p.screen.draw([]byte("\n")) // the prompt stays, and nothing comes behind it
		return context.Cause(ctx)
	case p.interrupted:
		p.interrupted = false
		p.rest = nil
		_ = p.screen.draw([]byte("\n")) // a terminal that fails shows it at the next output
		return abi.ErrInterrupted
	}
	return nil
}

// Write writes, on a line of its own while a line is read.
func (p *plain) Write(data []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return 0, fs.ErrClosed
	}
	if p.shown {
		if err := p.screen.draw([]byte("\n")); err != nil {
			return 0, err
		}
		p.shown = false
	}
	if err := p.screen.output(data, defaultColumns); err != nil {
		return 0, err
	}
	if p.reading != nil && p.screen.column == 0 {
		return len(data), p.showLocked()
	}
	return len(data), nil
}

// SetPrompt sets the prompt, and shows it if a line is being read.
func (p *plain) SetPrompt(prompt string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.prompt = prompt
	if p.reading == nil || prompt == "" {
		return
	}
	if p.shown {
		_ = p.screen.draw([]byte("\n")) // a terminal that fails shows it at the next output
	}
	_ = p.showLocked()
}

// SetEcho cannot: the system shows what is typed.
func (p *plain) SetEcho(bool) error { return abi.ErrNotSupported }

// Size asks the terminal, if it is one.
func (p *plain) Size() (columns, rows int, err error) {
	if columns, rows, err = size(p.out); err != nil {
		return 0, 0, abi.ErrNotSupported
	}
	return columns, rows, nil
}

// Interrupt drops the line, if one is being read, and tells of it.
func (p *plain) Interrupt() {
	p.mu.Lock()
	if p.reading != nil {
		p.interrupted = true
		p.wake()
	}
	p.mu.Unlock()
	p.opts.Interrupted()
}

func (p *plain) wake() { p.in.wake() }

// Close ends the reader and waits for it.
func (p *plain) Close() error {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil
	}
	p.closed = true
	reading := p.reading
	p.in.wake()
	p.mu.Unlock()
	if reading != nil {
		<-reading
	}
	p.in.close()
	return nil
}
