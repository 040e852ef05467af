package cookie

import (
	"bytes"
	"io"
	"net"
	"sync"
)

// bufferedPipe is net.Pipe with writes that never block. Both sides of TLS may
// write at once when one refuses the other, which would block net.Pipe for ever.
func bufferedPipe() (net.Conn, net.Conn) {
	a, b := newStream(), newStream()
	near, far := net.Pipe() // for addresses and deadlines, which play no part
	return &pipeEnd{Conn: near, in: a, out: b}, &pipeEnd{Conn: far, in: b, out: a}
}

type pipeEnd struct {
	net.Conn
	in, out *stream
}

func (p *pipeEnd) Read(b []byte) (int, error)  { return p.in.read(b) }
func (p *pipeEnd) Write(b []byte) (int, error) { return p.out.write(b) }

func (p *pipeEnd) Close() error {
	p.in.close()
	p.out.close()
	return p.Conn.Close()
}

// A stream is one direction. Closing it leaves what was written to be read.
type stream struct {
	mu     sync.Mutex
	more   *sync.Cond
	data   bytes.Buffer
	closed bool
}

func newStream() *stream {
	s := &stream{}
	s.more = sync.NewCond(&s.mu)
	return s
}

func (s *stream) read(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.data.Len() == 0 && !s.closed {
		s.more.Wait()
	}
	return s.data.Read(b)
}

func (s *stream) write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return 0, io.ErrClosedPipe
	}
	defer s.more.Signal()
	return s.data.Write(b)
}

func (s *stream) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	s.more.Broadcast()
}
