// Package hostnet gives a WASI guest TCP listeners of the host, and the connections that they accept.
//
// The runtime's own sockets block in the system, where nothing ends them when the process is told to
// end. Here a goroutine for each listener and each connection does what blocks, and the guest waits for
// these goroutines or for the end of its process, whichever is first. Reading is ahead of the guest by
// one buffer; writing is not.
package hostnet

import (
	"context"
	"os"
	"sync"
	"time"

	experimentalsys "github.com/tetratelabs/wazero/experimental/sys"
	"github.com/tetratelabs/wazero/sys"
)

// Options are the parameters of [New]. All are required.
type Options struct {
	// Context ends when the guest's process is told to end.
	Context context.Context
	// Alive does not return, but panics, when the guest is to end.
	Alive func()
	// Away is called before the guest waits for its sockets, and what it gives, after that.
	Away func() (back func())
	// Take counts one more open connection, or says why there may be none; Release, one less.
	Take    func() experimentalsys.Errno
	Release func()
	// FailAs gives the error number of a file for one of WASI preview 1.
	FailAs func(number uint32) experimentalsys.Errno
}

// Sockets are those of one guest. They, and their methods, are for the guest's goroutine.
type Sockets struct {
	opts  Options
	open  map[Socket]struct{}
	wake  chan struct{} // holds a token when a socket may have become ready
	again bool          // the next read of a connection goes on with one that has read already
}

// New makes the sockets of a guest, none so far. [Sockets.Close] closes what the guest leaves open.
func New(opts Options) *Sockets {
	return &Sockets{opts: opts, open: map[Socket]struct{}{}, wake: make(chan struct{}, 1)}
}

// Socket is a listener or a connection, as a file that the runtime has in its table.
type Socket interface {
	experimentalsys.PollableFile
	// Ready reports whether the guest can accept or read without waiting, if only an error.
	Ready() bool
}

// Close closes all sockets, and waits for their goroutines. Closing twice is harmless.
func (s *Sockets) Close() {
	for socket := range s.open {
		socket.Close()
	}
}

// BeginRead says that what is read next is not the rest of a read into several buffers.
func (s *Sockets) BeginRead() { s.again = false }

// signal wakes the guest if it waits.
func (s *Sockets) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Wait waits until ready says so, for at most a time, negative for ever. It ends the guest when its
// process has been told to end.
func (s *Sockets) Wait(timeout time.Duration, ready func() bool) {
	var expired <-chan time.Time
	if timeout >= 0 {
		timer := time.NewTimer(timeout)
		defer timer.Stop()
		expired = timer.C
	}
	s.await(expired, ready)
	s.opts.Alive()
}

func (s *Sockets) await(expired <-chan time.Time, ready func() bool) {
	if ready() {
		return
	}
	defer s.opts.Away()()
	for !ready() {
		select {
		case <-s.wake:
		case <-expired:
			return
		case <-s.opts.Context.Done():
			return
		}
	}
}

// until waits for a socket that is to block; one that is not fails with EAGAIN.
func (s *Sockets) until(socket Socket) experimentalsys.Errno {
	if !socket.Ready() {
		if socket.IsNonblock() {
			s.opts.Alive()
			return experimentalsys.EAGAIN
		}
		s.Wait(-1, socket.Ready)
	}
	return 0
}

// base is what listeners and connections have in common.
type base struct {
	experimentalsys.UnimplementedFile

	sockets  *Sockets
	mu       sync.Mutex // guards what a socket shares with its goroutine
	done     chan struct{}
	closed   bool
	nonblock bool
}

// Stat gives a mode that is neither a file's nor a directory's.
func (*base) Stat() (sys.Stat_t, experimentalsys.Errno) {
	return sys.Stat_t{Mode: os.ModeSocket | os.ModeIrregular}, 0
}

func (b *base) IsNonblock() bool { return b.nonblock }

func (b *base) SetNonblock(enable bool) experimentalsys.Errno {
	b.nonblock = enable
	return 0
}
