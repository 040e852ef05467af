package link

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/quic-go/quic-go"

	"github.com/wnode/wnode/net/wire"
)

// maxControlQueue bounds the bytes of control frames that wait to be written. A peer that asks for
// pongs has to take them in.
const maxControlQueue = 64 << 10

// errUnread ends a link whose peer takes no control frames in.
var errUnread = errors.New("the peer reads no control frames")

// control is the control stream of a connection. One goroutine receives and one flushes, the same
// in the first exchange; any may send. The lock is never held while the stream makes somebody wait.
type control struct {
	stream *quic.Stream
	reader *bufio.Reader
	filled chan struct{} // holds a token when there may be something to flush

	mu       sync.Mutex // guards what follows
	session  *wire.Session
	pongs    []chan struct{} // closed one by one as pongs come in
	queue    []byte          // encoded frames, in order
	finished bool            // the stream is to be closed behind the queue
}

func newControl(stream *quic.Stream, session *wire.Session) *control {
	return &control{
		stream: stream, reader: bufio.NewReader(stream), session: session,
		filled: make(chan struct{}, 1),
	}
}

// send moves the session by next and queues the frame that comes of it.
func (c *control) send(next func() (wire.Frame, error)) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	f, err := next()
	if err != nil {
		return err
	}
	return c.queueLocked(f)
}

func (c *control) queueLocked(f wire.Frame) error {
	if len(c.queue) > maxControlQueue {
		return errUnread
	}
	b, err := wire.AppendFrame(c.queue, f)
	if err != nil {
		return err
	}
	c.queue = b
	c.wakeLocked()
	return nil
}

func (c *control) wakeLocked() {
	select {
	case c.filled <- struct{}{}:
	default:
	}
}

// finish closes the stream once what is queued has been written.
func (c *control) finish() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.finished = true
	c.wakeLocked()
}

// flush writes what is queued. done is true when nothing may follow.
func (c *control) flush() (done bool, err error) {
	for {
		c.mu.Lock()
		b, finished := c.queue, c.finished
		c.queue = nil
		c.mu.Unlock()
		if len(b) == 0 && finished {
			return true, c.stream.Close()
		}
		if len(b) == 0 {
			return false, nil
		}
		if _, err := c.stream.Write(b); err != nil {
			return false, fmt.Errorf("write control frames: %w", err)
		}
	}
}

// sendNow is send and flush, for the first exchange.
func (c *control) sendNow(next func() (wire.Frame, error)) error {
	if err := c.send(next); err != nil {
		return err
	}
	_, err := c.flush()
	return err
}

// receive reads one frame, queues the answer to it, and gives the state that it led to.
func (c *control) receive() (wire.State, error) {
	f, err := wire.ReadFrame(c.reader)
	if err != nil {
		return 0, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	reply, err := c.session.Receive(f)
	if reply != nil {
		err = errors.Join(err, c.queueLocked(reply))
	}
	if err != nil {
		return 0, err
	}
	if _, isPong := f.(wire.Pong); isPong {
		close(c.pongs[0])
		c.pongs = c.pongs[1:]
	}
	return c.session.State(), nil
}

// receiveUntil is receive and flush until the session is in a state, for the first exchange.
func (c *control) receiveUntil(state wire.State) error {
	for {
		s, err := c.receive()
		if _, flushErr := c.flush(); err == nil {
			err = flushErr
		}
		if err != nil || s == state {
			return err
		}
	}
}

// ping asks for a pong, which closes the channel. When as many as may be are under way already, it
// waits with the last of them.
func (c *control) ping() (<-chan struct{}, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.pongs) == wire.MaxPings {
		return c.pongs[len(c.pongs)-1], nil
	}
	f, err := c.session.Ping(uint64(time.Now().UnixNano()))
	if err != nil {
		return nil, err
	}
	if err := c.queueLocked(f); err != nil {
		return nil, err
	}
	pong := make(chan struct{})
	c.pongs = append(c.pongs, pong)
	return pong, nil
}

// bind makes the end of ctx the end of the connection, until release is called. release gives the
// cause if ctx has ended first.
func bind(ctx context.Context, conn *quic.Conn) (release func() error) {
	closed := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(closed)
		_ = conn.CloseWithError(codeRefused, "")
	})
	return sync.OnceValue(func() error {
		if stop() {
			return nil
		}
		<-closed
		return context.Cause(ctx)
	})
}
