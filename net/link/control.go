package link

import (
	"bufio"
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/quic-go/quic-go"

	"github.com/wnode/wnode/net/wire"
)

// control is the control stream of a connection. One goroutine receives; any may send.
type control struct {
	stream  *quic.Stream
	reader  *bufio.Reader
	release func() // ends the time limit of the first exchange

	mu      sync.Mutex // guards what follows, and the order of frames on the stream
	session *wire.Session
	pongs   []chan struct{} // closed one by one as pongs come in
}

// within bounds reads and writes by ctx until the returned function is called.
func (c *control) within(ctx context.Context) (release func()) {
	stop := context.AfterFunc(ctx, func() { _ = c.stream.SetDeadline(time.Unix(1, 0)) })
	return func() { stop() }
}

// send moves the session by next and writes the frame that comes of it.
func (c *control) send(next func() (wire.Frame, error)) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	f, err := next()
	if err != nil {
		return err
	}
	return c.writeLocked(f)
}

func (c *control) writeLocked(f wire.Frame) error {
	b, err := wire.AppendFrame(nil, f)
	if err != nil {
		return err
	}
	if _, err := c.stream.Write(b); err != nil {
		return fmt.Errorf("send %v: %w", f.Type(), err)
	}
	return nil
}

// receive reads one frame, answers it, and gives the state that it led to.
func (c *control) receive() (wire.State, error) {
	f, err := wire.ReadFrame(c.reader)
	if err != nil {
		return 0, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	reply, err := c.session.Receive(f)
	if reply != nil {
		if writeErr := c.writeLocked(reply); err == nil {
			err = writeErr
		}
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

func (c *control) receiveUntil(state wire.State) error {
	for {
		s, err := c.receive()
		if err != nil || s == state {
			return err
		}
	}
}

// ping sends a ping; the channel is closed by its pong.
func (c *control) ping() (<-chan struct{}, error) {
	pong := make(chan struct{})
	err := c.send(func() (wire.Frame, error) {
		f, err := c.session.Ping(uint64(time.Now().UnixNano()))
		if err == nil {
			c.pongs = append(c.pongs, pong)
		}
		return f, err
	})
	return pong, err
}
