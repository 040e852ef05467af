package guest

import (
	"errors"
	"fmt"
	"net"
	"sync/atomic"

	"github.com/wnode/wnode/vm"
)

var _ vm.Listener = (*Listener)(nil)

// Listener is a TCP listener of the host, a [vm.Listener], that one process at a time has. It listens
// from the moment on that it is opened. Safe for concurrent use.
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
		var wrong *net.AddrError
		switch {
		case errors.As(err, &wrong):
			err = fmt.Errorf("%s: give HOST:PORT", wrong.Err)
		case errors.As(err, &failed):
			err = failed.Err // the address is in the message already
		}
		return nil, fmt.Errorf("listen at %s: %w", address, err)
	}
	return &Listener{tcp: listener.(*net.TCPListener)}, nil
}

// Address is where it listens, HOST:PORT.
func (l *Listener) Address() string { return l.tcp.Addr().String() }

// acquire takes the listener for a process until release, and reports false when another has it.
func (l *Listener) acquire() bool { return l.held.CompareAndSwap(false, true) }

func (l *Listener) release() { l.held.Store(false) }

// Close closes the listener.
func (l *Listener) Close() error { return l.tcp.Close() }
