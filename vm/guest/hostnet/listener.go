package hostnet

import (
	"context"
	"errors"
	"net"
	"os"
	"time"

	experimentalsys "github.com/tetratelabs/wazero/experimental/sys"
)

// retryAccept is how long the host is left alone when it cannot accept, for want of descriptors as a rule.
const retryAccept = 100 * time.Millisecond

// Listener accepts connections.
type Listener struct {
	base

	tcp   *net.TCPListener
	ctx   context.Context // ends when it is closed
	end   context.CancelFunc
	next  *net.TCPConn // accepted and not taken; guarded by mu
	err   error        // there will be no more; guarded by mu
	taken chan struct{}
}

// Listen gives the guest a listener. It stays the caller's: closing what is given leaves it open. It must not
// be in use elsewhere meanwhile.
func (s *Sockets) Listen(tcp *net.TCPListener) *Listener {
	l := &Listener{base: base{sockets: s, done: make(chan struct{})}, tcp: tcp, taken: make(chan struct{}, 1)}
	l.ctx, l.end = context.WithCancel(context.Background())
	s.open[l] = struct{}{}
	go l.run()
	return l
}

// run accepts one connection ahead of the guest.
func (l *Listener) run() {
	defer close(l.done)
	for l.ctx.Err() == nil {
		conn, err := l.tcp.AcceptTCP()
		switch {
		case err == nil:
			if l.offer(conn); !l.waitTaken() {
				return
			}
		case errors.Is(err, net.ErrClosed):
			l.mu.Lock()
			l.err = err
			l.mu.Unlock()
			l.sockets.signal()
			return
		case errors.Is(err, os.ErrDeadlineExceeded): // it is being closed
		default:
			select {
			case <-l.ctx.Done():
			case <-time.After(retryAccept):
			}
		}
	}
}

func (l *Listener) offer(conn *net.TCPConn) {
	l.mu.Lock()
	l.next = conn
	l.mu.Unlock()
	l.sockets.signal()
}

// waitTaken waits until the guest has taken the connection, and reports false when it will not.
func (l *Listener) waitTaken() bool {
	select {
	case <-l.taken:
		return true
	case <-l.ctx.Done():
		return false
	}
}

// Ready reports whether there is a connection to accept.
func (l *Listener) Ready() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.next != nil || l.err != nil
}

// Poll reports whether there is a connection to accept.
func (l *Listener) Poll(experimentalsys.Pflag, int32) (bool, experimentalsys.Errno) {
	return l.Ready(), 0
}

// Accept gives the next connection, and waits for it unless the listener is not to block.
func (l *Listener) Accept() (*Conn, experimentalsys.Errno) {
	if l.closed {
		return nil, experimentalsys.EBADF
	}
	if errno := l.sockets.until(l); errno != 0 {
		return nil, errno
	}
	if errno := l.sockets.opts.Take(); errno != 0 {
		return nil, errno
	}
	l.mu.Lock()
	conn := l.next
	l.next = nil
	l.mu.Unlock()
	if conn == nil {
		l.sockets.opts.Release()
		return nil, experimentalsys.EIO
	}
	l.taken <- struct{}{}
	return l.sockets.connect(conn), 0
}

// Close stops accepting.
func (l *Listener) Close() experimentalsys.Errno {
	if l.closed {
		return experimentalsys.EBADF
	}
	l.closed = true
	delete(l.sockets.open, l)
	l.end()
	_ = l.tcp.SetDeadline(time.Unix(1, 0)) // an error means that nothing waits: the owner has closed it
	<-l.done
	_ = l.tcp.SetDeadline(time.Time{})
	if l.next != nil {
		_ = l.next.Close()
	}
	return 0
}
