package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
)

// output is the program's standard output. It remembers the first write that failed: whatever is
// printed there is a result, and a result that nobody gets is a failure of the program.
type output struct {
	w io.Writer

	mu  sync.Mutex
	err error
}

func newOutput() *output { return &output{w: os.Stdout} }

// Write writes to the standard output.
func (o *output) Write(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	n, err := o.w.Write(p)
	if err != nil {
		o.mu.Lock()
		defer o.mu.Unlock()
		if o.err == nil {
			o.err = fmt.Errorf("cannot write to standard output: %w", bareError(err))
		}
	}
	return n, err
}

// failure gives what went wrong: a write, or else err.
func (o *output) failure(err error) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err != nil {
		return o.err
	}
	return err
}

// println prints a line.
func (o *output) println(text string) error {
	_, err := fmt.Fprintln(o, text)
	return o.failure(err)
}

// printJSON prints a value as JSON.
func (o *output) printJSON(v any) error {
	return o.failure(json.NewEncoder(o).Encode(v))
}

// bareError drops the operation and the path that the os package puts in front of an error.
func bareError(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}
