package wire

import (
	"errors"
	"reflect"
	"testing"

	"pgregory.net/rapid"
)

// Two sides that keep the rules, whatever their owners do and however the frames are delayed, never
// see a protocol error, and end both open on the same terms or both closed for the same reason.
func TestSessionsAgree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.SampledFrom([][2]string{{"a@h", "b@h"}, {"a@h", "a@h"}, {"b@h", "a@h"}}).Draw(t, "names")
		sides := [2]*side{}
		for n := range sides {
			hello := genHello().Draw(t, "hello")
			hello.Name = names[n]
			s, first, err := NewSession(SessionOptions{Hello: hello, Initiator: n == 0})
			if err != nil {
				t.Fatal(err)
			}
			sides[n] = &side{Session: s}
			sides[n].send(first)
		}
		leave := rapid.Bool().Draw(t, "leave")
		for range 40 {
			n := rapid.IntRange(0, 1).Draw(t, "side")
			step(t, sides[n], sides[1-n], leave)
		}
		for progress := true; progress; {
			progress = settle(t, sides[0], sides[1]) || settle(t, sides[1], sides[0])
		}
		checkEnd(t, sides[0], sides[1])
	})
}

// step does one thing that the owner of s might do.
func step(t *rapid.T, s, peer *side, leave bool) {
	switch action := rapid.IntRange(0, 5).Draw(t, "action"); {
	case action <= 2:
		settle(t, s, peer)
	case action == 3 && s.State() == StateOpen:
		if f, err := s.Ping(rapid.Uint64().Draw(t, "token")); err == nil {
			s.send(f)
		}
	case action == 4 && s.State() == StateDecide && leave:
		f, err := s.Refuse(RefuseDuplicate, "")
		if err != nil {
			t.Fatal(err)
		}
		s.send(f)
	case action == 5 && s.State() == StateOpen && leave:
		f, err := s.Goodbye("")
		if err != nil {
			t.Fatal(err)
		}
		s.send(f)
	}
}

// settle does what the owner of s has to do next, and says whether there was anything.
func settle(t *rapid.T, s, peer *side) bool {
	var f Frame
	var err error
	switch {
	case s.State() == StateDecide:
		f, err = s.Accept()
	case s.State() == StatePeerLeaving:
		f, err = s.Goodbye("")
	case s.State() != StateClosed && len(peer.out) > 0:
		err = s.read(peer)
	default:
		return false
	}
	var pe *ProtocolError
	if errors.As(err, &pe) || errors.Is(err, ErrSessionState) {
		t.Fatal(err)
	}
	s.send(f)
	return true
}

func checkEnd(t *rapid.T, a, b *side) {
	if a.State() != b.State() || a.State() != StateOpen && a.State() != StateClosed {
		t.Fatalf("ended %q and %q", a.State(), b.State())
	}
	if a.State() == StateOpen && (a.Agreement().Version != b.Agreement().Version ||
		!reflect.DeepEqual(a.Agreement().Features, b.Agreement().Features) || len(a.pings)+len(b.pings) > 0) {
		t.Fatalf("terms %+v and %+v, pings %v and %v", a.Agreement(), b.Agreement(), a.pings, b.pings)
	}
	var ra, rb *RefusedError
	if errors.As(a.Err(), &ra) != errors.As(b.Err(), &rb) || ra != nil && (ra.Code != rb.Code || ra.ByPeer == rb.ByPeer) {
		t.Fatalf("closed with %v and %v", a.Err(), b.Err())
	}
}
