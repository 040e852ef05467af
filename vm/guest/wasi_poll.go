package guest

import (
	"encoding/binary"
	"time"

	"github.com/tetratelabs/wazero/api"

	"github.com/wnode/wnode/vm/guest/hostnet"
)

// Layout of WASI preview 1's poll_oneoff.
const (
	subscriptionSize = 48
	eventSize        = 32

	eventClock   = 0
	eventFdRead  = 1
	eventFdWrite = 2

	clockRealtime  = 0
	clockMonotonic = 1
	clockAbsolute  = 1 // of the flags
)

// maxSubscriptions bounds one poll: more than a guest can have open.
const maxSubscriptions = 1 << 16

// subscription is something that a guest waits for.
type subscription struct {
	user    uint64
	kind    byte
	socket  hostnet.Socket // to be read from or accepted at; nil when there is nothing to wait for
	after   time.Duration  // for a clock
	invalid wasiErrno
}

// pollOneoff takes subscriptions, where the events go, how many there are of the first, and where the
// number of the second goes. It waits until there is at least one event. All files but sockets are ready,
// the standard input too: the read is what waits.
func (g *guest) pollOneoff(c *wasiCall) wasiErrno {
	count := c.u32(2)
	if count == 0 || count > maxSubscriptions {
		return wasiInvalid
	}
	in, readable := c.memory.Read(c.u32(0), count*subscriptionSize)
	out, writable := c.memory.Read(c.u32(1), count*eventSize)
	if _, ok := c.memory.Read(c.u32(3), 4); !ok || !readable || !writable {
		return wasiBadAddress
	}
	list := make([]subscription, count)
	for i := range list {
		var errno wasiErrno
		if list[i], errno = g.subscription(c, in[i*subscriptionSize:]); errno != wasiSuccess {
			return errno
		}
	}
	start := time.Now()
	g.awaitAny(list)
	c.memory.WriteUint32Le(c.u32(3), writeEvents(out, list, time.Since(start)))
	return wasiSuccess
}

// subscription reads one.
func (g *guest) subscription(c *wasiCall, in []byte) (s subscription, errno wasiErrno) {
	s.user, s.kind = binary.LittleEndian.Uint64(in), in[8]
	switch s.kind {
	case eventClock:
		s.after, s.invalid = g.clockTimeout(in[16:])
	case eventFdRead, eventFdWrite:
		file, open := descriptorsOf(c.module).file(api.DecodeI32(uint64(binary.LittleEndian.Uint32(in[16:]))))
		if !open {
			s.invalid = wasiBadDescriptor
		}
		if s.kind == eventFdRead {
			s.socket, _ = file.(hostnet.Socket)
		}
	default:
		return s, wasiInvalid
	}
	return s, wasiSuccess
}

// clockTimeout reads how long it is until a clock shows a time.
func (g *guest) clockTimeout(in []byte) (time.Duration, wasiErrno) {
	clock, at, flags := binary.LittleEndian.Uint32(in), binary.LittleEndian.Uint64(in[8:]), binary.LittleEndian.Uint16(in[24:])
	if clock != clockRealtime && clock != clockMonotonic || flags&^clockAbsolute != 0 {
		return 0, wasiInvalid
	}
	timeout := time.Duration(min(at, 1<<63-1))
	if flags&clockAbsolute == 0 {
		return timeout, wasiSuccess
	}
	now := time.Duration(time.Now().UnixNano())
	if clock == clockMonotonic {
		now = time.Since(g.engine.started)
	}
	return max(timeout-now, 0), wasiSuccess
}

// awaitAny waits until one of the subscriptions has an event.
func (g *guest) awaitAny(list []subscription) {
	timeout := time.Duration(-1)
	ready := false
	for _, s := range list {
		switch {
		case s.invalid != wasiSuccess, s.kind != eventClock && s.socket == nil:
			ready = true
		case s.kind == eventClock && (timeout < 0 || s.after < timeout):
			timeout = s.after
		}
	}
	switch {
	case ready:
		g.checkAlive()
	case g.sockets == nil:
		g.nanosleep(int64(timeout))
	default:
		g.sockets.Wait(timeout, func() bool {
			for _, s := range list {
				if s.socket != nil && s.socket.Ready() {
					return true
				}
			}
			return false
		})
	}
}

// writeEvents writes what has happened after a time, and gives how much it is.
func writeEvents(out []byte, list []subscription, elapsed time.Duration) (n uint32) {
	for _, s := range list {
		switch {
		case s.invalid != wasiSuccess:
		case s.kind == eventClock && s.after > elapsed, s.socket != nil && !s.socket.Ready():
			continue
		}
		event := out[n*eventSize:][:eventSize]
		clear(event)
		binary.LittleEndian.PutUint64(event, s.user)
		binary.LittleEndian.PutUint16(event[8:], uint16(s.invalid))
		event[10] = s.kind
		if s.kind != eventClock && s.invalid == wasiSuccess {
			binary.LittleEndian.PutUint64(event[16:], 1) // at least; how many is not known
		}
		n++
	}
	return n
}
