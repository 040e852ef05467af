package link

import (
	"errors"
	"net"
	"testing"
	"time"
)

// spinning gives a spinner for a socket, in a program that keeps to one processor or does not.
func spinning(t *testing.T, single bool) (*spinner, *net.UDPConn) {
	t.Helper()
	conn := listenOn(t, "127.0.0.1").(*net.UDPConn)
	t.Cleanup(func() { _ = conn.Close() })
	raw, err := conn.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	return &spinner{raw: raw, single: func() bool { return single }}, conn
}

// A wait awake ends with a packet, with the end of its time, and with the socket.
func TestSpinEnds(t *testing.T) {
	s, conn := spinning(t, true)
	s.spin(time.Now()) // nothing comes
	if _, err := conn.WriteTo([]byte("hello"), conn.LocalAddr()); err != nil {
		t.Fatal(err)
	}
	s.spin(time.Now().Add(time.Hour)) // it would last that long
	if n, _, err := conn.ReadFrom(make([]byte, 10)); n != 5 || err != nil {
		t.Errorf("read %d bytes of the packet, %v", n, err)
	}
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	s.spin(time.Now().Add(time.Hour))
}

// To wait awake is worth it after waits that were short, and no more after as many that were long; without a processor for
// it, it never is.
func TestSpinWorth(t *testing.T) {
	broken := errors.New("broken")
	short := func() error { return broken }
	long := func() error {
		<-time.After(maxSpin + time.Millisecond)
		return broken
	}
	for _, single := range []bool{true, false} {
		s, _ := spinning(t, single)
		for range 2 * maxWorth {
			if err := s.wait(short); err != broken {
				t.Fatal(err)
			}
		}
		if worth := s.worth >= minWorth; worth != single {
			t.Errorf("worth it after short waits: %v, one processor: %v", worth, single)
		}
		for range maxWorth {
			if err := s.wait(long); err != broken {
				t.Fatal(err)
			}
		}
		if s.worth != 0 {
			t.Errorf("worth %d after long waits", s.worth)
		}
	}
}
