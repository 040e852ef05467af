package io

import (
	"context"
	"io"
	"strings"

	"github.com/wnode/wnode/abi"
)

// LineEditor is a terminal on which a user edits a line while others write. A [Sizer] or an [Echoer]
// may be one too. ReadLine is called by one goroutine at a time; the other methods may be called while it waits.
type LineEditor interface {
	// Write writes above the line that is being edited, which is then as it was.
	io.Writer
	// ReadLine shows the prompt and gives the line that the user enters, without a line end. Its
	// errors are [io.EOF] when the user or the terminal ends the input, one that wraps
	// [abi.ErrInterrupted] when the user drops the line, and any error soon after ctx has ended: then
	// the prompt, and what has been typed behind it, is gone.
	ReadLine(ctx context.Context) (string, error)
	// SetPrompt sets the prompt, one line, of the next ReadLine. During a ReadLine it also shows it,
	// before what has been typed.
	SetPrompt(prompt string)
	// Close gives the terminal back as it was.
	Close() error
}

// Terminal is a [Device] over a [LineEditor].
type Terminal struct {
	editor LineEditor
	rest   string // of a line, for the next Read
}

// NewTerminal makes a terminal, which owns the editor.
func NewTerminal(editor LineEditor) *Terminal { return &Terminal{editor: editor} }

// Write writes above the line that is being edited.
func (t *Terminal) Write(data []byte) (int, error) { return t.editor.Write(data) }

// Read gives a line that the user enters, with a newline.
func (t *Terminal) Read(ctx context.Context, buf []byte) (int, error) {
	if t.rest == "" {
		entered, err := t.editor.ReadLine(ctx)
		if err != nil {
			return 0, err
		}
		t.rest = entered + "\n"
	}
	n := copy(buf, t.rest)
	t.rest = t.rest[n:]
	return n, nil
}

// SetPrompt sets the prompt. Of a prompt with several lines the last is the editor's, the others are output.
func (t *Terminal) SetPrompt(prompt string) {
	prompt = strings.ToValidUTF8(prompt, "\ufffd")
	if i := strings.LastIndexByte(prompt, '\n'); i >= 0 {
		_, _ = t.editor.Write([]byte(prompt[:i+1])) // a terminal that fails shows it at the next output
		prompt = prompt[i+1:]
	}
	t.editor.SetPrompt(prompt)
}

// Size gives the size that the editor knows, else [abi.ErrNotSupported].
func (t *Terminal) Size() (columns, rows int, err error) {
	if sizer, ok := t.editor.(Sizer); ok {
		return sizer.Size()
	}
	return 0, 0, abi.ErrNotSupported
}

// SetEcho turns the showing of what is typed on or off; [abi.ErrNotSupported] when the editor cannot.
func (t *Terminal) SetEcho(on bool) error {
	if echoer, ok := t.editor.(Echoer); ok {
		return echoer.SetEcho(on)
	}
	return abi.ErrNotSupported
}

// Close closes the editor.
func (t *Terminal) Close() error { return t.editor.Close() }
