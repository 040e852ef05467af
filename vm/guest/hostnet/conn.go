package hostnet

import (
	"context"
	"errors"
	"io"
	"net"
	"syscall"
	"time"

	experimentalsys "github.com/tetratelabs/wazero/experimental/sys"
)

// readAhead is how much of a connection is read before the guest asks for it, in bytes.
const readAhead = 16 << 10

// Error numbers of WASI preview 1 that the runtime has no name for.
const (
	wasiReset  = 15 // ECONNRESET
	wasiBroken = 64 // EPIPE
)

// Conn is a connection.
type Conn struct {
	base

	tcp     *net.TCPConn
	in      []byte // read and not taken; guarded by mu
	err     error  // why there is no more; guarded by mu
	drained chan struct{}
}

// connect gives the guest a connection that has been counted.
func (s *Sockets) connect(tcp *net.TCPConn) *Conn {
	c := &Conn{base: base{sockets: s, done: make(chan struct{})}, tcp: tcp, drained: make(chan struct{}, 1)}
	s.open[c] = struct{}{}
	go c.run()
	return c
}

// run reads, one buffer ahead of the guest, until the connection ends or is closed.
func (c *Conn) run() {
	defer close(c.done)
	buf := make([]byte, readAhead)
	for {
		n, err := c.tcp.Read(buf)
		c.mu.Lock()
		c.in, c.err = buf[:n], err
		c.mu.Unlock()
		c.sockets.signal()
		if err != nil {
			return
		}
		if _, open := <-c.drained; !open {
			return
		}
	}
}

// Ready reports whether there is something to read, or nothing ever again.
func (c *Conn) Ready() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.in) > 0 || c.err != nil
}

// Poll reports whether there is something to read.
func (c *Conn) Poll(experimentalsys.Pflag, int32) (bool, experimentalsys.Errno) { return c.Ready(), 0 }

// Read reads what there is, and waits for something unless the connection is not to block. 0 bytes are
// the end.
func (c *Conn) Read(buf []byte) (int, experimentalsys.Errno) {
	if c.sockets.again && !c.Ready() {
		return 0, 0 // a buffer before this one has been filled
	}
	n, errno := c.Receive(buf, false)
	c.sockets.again = n > 0
	return n, errno
}

// Receive is Read; with peek what is read stays there.
func (c *Conn) Receive(buf []byte, peek bool) (int, experimentalsys.Errno) {
	if c.closed {
		return 0, experimentalsys.EBADF
	}
	if len(buf) == 0 {
		return 0, 0
	}
	if errno := c.sockets.until(c); errno != 0 {
		return 0, errno
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.in) == 0 {
		return 0, c.ended()
	}
	n := copy(buf, c.in)
	if peek {
		return n, 0
	}
	if c.in = c.in[n:]; len(c.in) == 0 && c.err == nil {
		c.drained <- struct{}{}
	}
	return n, 0
}

// ended gives the error number for the end of the connection, 0 for one in good order.
func (c *Conn) ended() experimentalsys.Errno {
	if errors.Is(c.err, io.EOF) {
		return 0
	}
	return c.sockets.opts.FailAs(wasiReset)
}

// Write waits until the system has taken all, also for a connection that is not to block.
func (c *Conn) Write(buf []byte) (int, experimentalsys.Errno) {
	if c.closed {
		return 0, experimentalsys.EBADF
	}
	defer context.AfterFunc(c.sockets.opts.Context, func() { _ = c.tcp.SetWriteDeadline(time.Unix(1, 0)) })()
	back := c.sockets.opts.Away()
	n, err := c.tcp.Write(buf)
	back()
	c.sockets.opts.Alive()
	switch {
	case err == nil:
		return n, 0
	case errors.Is(err, syscall.ECONNRESET):
		return n, c.sockets.opts.FailAs(wasiReset)
	}
	return n, c.sockets.opts.FailAs(wasiBroken)
}

// Shutdown ends reading, writing or both.
func (c *Conn) Shutdown(read, write bool) experimentalsys.Errno {
	if c.closed {
		return experimentalsys.EBADF
	}
	var err error
	if read {
		err = c.tcp.CloseRead()
	}
	if write {
		err = errors.Join(err, c.tcp.CloseWrite())
	}
	if err != nil {
		return c.sockets.opts.FailAs(wasiBroken)
	}
	return 0
}

// Close closes the connection.
func (c *Conn) Close() experimentalsys.Errno {
	if c.closed {
		return experimentalsys.EBADF
	}
	c.closed = true
	delete(c.sockets.open, c)
	_ = c.tcp.Close() // what was written is on its way
	close(c.drained)
	defer c.sockets.opts.Away()()
	<-c.done
	c.sockets.opts.Release()
	return 0
}
