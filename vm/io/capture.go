package io

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"sync"

	"github.com/wnode/wnode/abi"
)

// DefaultCaptureBytes is what a [Capture] holds unless told otherwise.
const DefaultCaptureBytes = 16 << 20

// Capture is a [Device] that keeps what is written, and has nothing to read. Its methods may be called concurrently.
type Capture struct {
	limit int

	mu      sync.Mutex
	out     []byte
	closed  bool
	changed chan struct{} // closed, and replaced, whenever out or closed changes
}

// NewCapture makes a capture that holds at most limit bytes. 0: [DefaultCaptureBytes].
func NewCapture(limit int) *Capture {
	if limit <= 0 {
		limit = DefaultCaptureBytes
	}
	return &Capture{limit: limit, changed: make(chan struct{})}
}

// Write keeps data. Data that does not fit is refused as a whole, with an error that wraps [abi.ErrLimit].
func (c *Capture) Write(data []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(data) > c.limit-len(c.out) {
		return 0, fmt.Errorf("capture of %d bytes: %w", c.limit, abi.ErrLimit)
	}
	c.out = append(c.out, data...)
	c.notifyLocked()
	return len(data), nil
}

// Read finds the end of the file.
func (c *Capture) Read(context.Context, []byte) (int, error) { return 0, io.EOF }

// Close ends every Wait. What was written can still be had.
func (c *Capture) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	c.notifyLocked()
	return nil
}

func (c *Capture) notifyLocked() {
	close(c.changed)
	c.changed = make(chan struct{})
}

// String gives what has been written so far.
func (c *Capture) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return string(c.out)
}

// Take gives what has been written since the start, or since the last Take, and makes room. The caller owns it.
func (c *Capture) Take() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := c.out
	c.out = nil
	return out
}

// Wait waits until content is part of what has been written. The errors are [fs.ErrClosed] when the
// capture is closed without it, and the cause of ctx when that ends.
func (c *Capture) Wait(ctx context.Context, content string) error {
	for {
		c.mu.Lock()
		found, closed, changed := bytes.Contains(c.out, []byte(content)), c.closed, c.changed
		c.mu.Unlock()
		switch {
		case found:
			return nil
		case closed:
			return fmt.Errorf("wait for output %q: %w", content, fs.ErrClosed)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("wait for output %q: %w", content, context.Cause(ctx))
		}
	}
}
