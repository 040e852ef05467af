package vm

import (
	"errors"
	"fmt"
	"net"
	"sync/atomic"
)

// Listener is a TCP listener of the host that one process at a time is given. It listens from the
// moment on that it is opened. Safe for concurrent use.
type Listener struct {
	tcp  *net.TCPListener
	held atomic.Bool
}

// OpenListener listens at a TCP address, HOST:PORT. The caller closes it when the process that has it
// has ended.
func OpenListener(address string) (*Listener, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		var failed *net.OpError
		if errors.As(err, &failed) {
			err = failed.Err // the address is in the message already
		}
		return nil, fmt.Errorf("listen at %s: %w", address, err)
	}
	return &Listener{tcp: listener.(*net.TCPListener)}, nil
}

// Addr is where it listens.
func (l *Listener) Addr() net.Addr { return l.tcp.Addr() }

// Acquire gives the listener to a process that has none yet, until Release; false when another has it.
func (l *Listener) Acquire() (*net.TCPListener, bool) {
	if !l.held.CompareAndSwap(false, true) {
		return nil, false
	}
	return l.tcp, true
}

// Release ends what Acquire began.
func (l *Listener) Release() { l.held.Store(false) }

// Close closes the listener.
func (l *Listener) Close() error { return l.tcp.Close() }

// Listeners gives the listeners that a process with these rights has.
func (r Rights) Listeners() []*Listener {
	if r.Reach == nil || r.Denied&PermitNetwork != 0 {
		return nil
	}
	return r.Reach.Listeners
}

// ListenerNames lists the addresses of the listeners for people.
func (r Rights) ListenerNames() []string {
	names := []string{}
	for _, l := range r.Listeners() {
		names = append(names, l.Addr().String())
	}
	return names
}
