package wire

import (
	"errors"
	"reflect"
	"strings"
	"testing"
)

// side is one end of a control stream whose frames travel through queues.
type side struct {
	*Session
	out []Frame // sent and not yet read by the peer
}

func (s *side) send(f Frame) {
	if f != nil {
		s.out = append(s.out, f)
	}
}

func newSide(tb testing.TB, o SessionOptions) *side {
	tb.Helper()
	s, first, err := NewSession(o)
	if err != nil {
		tb.Fatal(err)
	}
	sd := &side{Session: s}
	sd.send(first)
	return sd
}

// read lets s read the next frame of its peer.
func (s *side) read(peer *side) error {
	f := peer.out[0]
	peer.out = peer.out[1:]
	reply, err := s.Receive(f)
	s.send(reply)
	return err
}

func newPair(tb testing.TB) (initiator, responder *side) {
	return newSide(tb, SessionOptions{Hello: testHello("a@h", 1), Initiator: true, PeerName: "b@h"}),
		newSide(tb, SessionOptions{Hello: testHello("b@h", 2), PeerName: "a@h"})
}

func must(tb testing.TB, f Frame, err error) Frame {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
	return f
}

func wantState(tb testing.TB, s *side, want State) {
	tb.Helper()
	if s.State() != want {
		tb.Fatalf("in state %q, want %q (%v)", s.State(), want, s.Err())
	}
}

func openPair(tb testing.TB) (i, r *side) {
	tb.Helper()
	i, r = newPair(tb)
	for _, s := range []struct{ reads, peer *side }{{r, i}, {i, r}} {
		if err := s.reads.read(s.peer); err != nil {
			tb.Fatal(err)
		}
		wantState(tb, s.reads, StateDecide)
		f, err := s.reads.Accept()
		s.reads.send(must(tb, f, err))
	}
	wantState(tb, r, StateAwaitReady)
	if err := r.read(i); err != nil {
		tb.Fatal(err)
	}
	wantState(tb, i, StateOpen)
	wantState(tb, r, StateOpen)
	return i, r
}

func TestSessionOpens(t *testing.T) {
	i, r := openPair(t)
	if i.Peer().Name != "b@h" || r.Peer().Name != "a@h" {
		t.Errorf("peers %q and %q", i.Peer().Name, r.Peer().Name)
	}
	if i.Agreement().Version != Version || !reflect.DeepEqual(i.Agreement(), r.Agreement()) {
		t.Errorf("terms %+v and %+v", i.Agreement(), r.Agreement())
	}
}

func TestSessionPingAndGoodbye(t *testing.T) {
	i, r := openPair(t)
	for token := range uint64(2) {
		f, err := i.Ping(token)
		i.send(must(t, f, err))
	}
	for range 2 {
		if err := errors.Join(r.read(i), i.read(r)); err != nil {
			t.Fatal(err)
		}
	}
	f, err := r.Goodbye("done")
	r.send(must(t, f, err))
	wantState(t, r, StateLeaving)
	f, err = i.Ping(7) // crosses the goodbye
	i.send(must(t, f, err))
	if err := errors.Join(i.read(r), r.read(i)); err != nil {
		t.Fatal(err)
	}
	wantState(t, i, StatePeerLeaving)
	f, err = i.Goodbye("")
	i.send(must(t, f, err))
	if err := r.read(i); err != nil {
		t.Fatal(err)
	}
	wantState(t, i, StateClosed)
	wantState(t, r, StateClosed)
	if i.Err() != nil || r.Err() != nil || len(r.out) != 0 {
		t.Errorf("closed with %v and %v, %v unread", i.Err(), r.Err(), r.out)
	}
}

// Both may say goodbye at once.
func TestSessionGoodbyesCross(t *testing.T) {
	i, r := openPair(t)
	for _, s := range []*side{i, r} {
		f, err := s.Goodbye("")
		s.send(must(t, f, err))
	}
	if err := errors.Join(i.read(r), r.read(i)); err != nil {
		t.Fatal(err)
	}
	wantState(t, i, StateClosed)
	wantState(t, r, StateClosed)
}

func TestSessionPingsBounded(t *testing.T) {
	i, _ := openPair(t)
	for token := range uint64(MaxPings) {
		f, err := i.Ping(token)
		must(t, f, err)
	}
	if _, err := i.Ping(99); !errors.Is(err, ErrSessionState) {
		t.Errorf("one ping too many: %v", err)
	}
}

// What the two Hellos alone forbid is refused by the session itself, with the code on the wire.
func TestSessionRefusesItself(t *testing.T) {
	newer := testHello("a@h", 1)
	newer.MinVersion, newer.MaxVersion = Version+1, Version+2
	for name, c := range map[string]struct {
		hello Hello
		code  RefuseCode
	}{
		"own id":     {testHello("a@h", 2), RefuseSelf},
		"own name":   {testHello("b@h", 3), RefuseNameInUse}, // DIST-24
		"no version": {newer, RefuseVersion},
	} {
		t.Run(name, func(t *testing.T) {
			i := newSide(t, SessionOptions{Hello: c.hello, Initiator: true})
			r := newSide(t, SessionOptions{Hello: testHello("b@h", 2)})
			if err := r.read(i); !errors.Is(err, c.code.Err()) {
				t.Errorf("responder: %v", err)
			}
			err := i.read(r)
			var refused *RefusedError
			if !errors.As(err, &refused) || refused.Code != c.code || !refused.ByPeer || i.Err() != err {
				t.Errorf("initiator: %v", err)
			}
			wantState(t, i, StateClosed)
			wantState(t, r, StateClosed)
			mustFrame(t, Refuse{Code: c.code, Text: refused.Text})
		})
	}
}

func TestSessionOwnerRefuses(t *testing.T) {
	t.Run("responder", func(t *testing.T) {
		i, r := newPair(t)
		if err := r.read(i); err != nil {
			t.Fatal(err)
		}
		f, err := r.Refuse(RefuseSimultaneous, strings.Repeat("é", MaxTextBytes)) // DIST-10
		r.send(must(t, f, err))
		mustFrame(t, f)
		if err := i.read(r); !errors.Is(err, ErrSimultaneousConnect) {
			t.Error(err)
		}
	})
	t.Run("responder before hello", func(t *testing.T) {
		i, r := newPair(t)
		f, err := r.Refuse(RefuseShuttingDown, "")
		r.send(must(t, f, err))
		if err := i.read(r); !errors.Is(err, ErrShuttingDown) || !errors.Is(r.Err(), ErrShuttingDown) {
			t.Error(err)
		}
	})
	t.Run("initiator", func(t *testing.T) {
		i, r := newPair(t)
		if err := r.read(i); err != nil {
			t.Fatal(err)
		}
		f, err := r.Accept()
		r.send(must(t, f, err))
		if err := i.read(r); err != nil {
			t.Fatal(err)
		}
		i.out = nil
		f, err = i.Refuse(RefuseDuplicate, "")
		i.send(must(t, f, err))
		if err := r.read(i); !errors.Is(err, ErrDuplicateLink) {
			t.Error(err)
		}
	})
}

func TestSessionNameMismatch(t *testing.T) {
	r := newSide(t, SessionOptions{Hello: testHello("b@h", 2), PeerName: "a@h"})
	reply, err := r.Receive(testHello("c@h", 1))
	if !errors.Is(err, ErrNameMismatch) || reply != nil || r.State() != StateClosed {
		t.Errorf("%v, %v", reply, err)
	}
}

// at brings one side of a fresh pair to a state.
func at(tb testing.TB, state State, initiator bool) *side {
	tb.Helper()
	if state >= StateOpen {
		i, r := openPair(tb)
		s := r
		if initiator {
			s = i
		}
		if state == StatePeerLeaving || state == StateClosed {
			_, err := s.Receive(Goodbye{})
			must(tb, nil, err)
		}
		if state == StateLeaving || state == StateClosed {
			f, err := s.Goodbye("")
			must(tb, f, err)
		}
		return s
	}
	i, r := newPair(tb)
	s, peer := r, testHello("a@h", 1)
	if initiator {
		s, peer = i, testHello("b@h", 2)
	}
	if state >= StateDecide {
		_, err := s.Receive(peer)
		must(tb, nil, err)
	}
	if state == StateAwaitReady {
		f, err := s.Accept()
		must(tb, f, err)
	}
	return s
}

// Every frame in every state: those not listed are protocol errors, or the owner's mistake where
// nothing should be read.
func TestSessionOrder(t *testing.T) {
	frames := []Frame{testHello("c@h", 9), Ready{}, Refuse{Code: RefuseSelf}, Ping{1}, Pong{1}, Goodbye{}}
	good := map[State]map[FrameType]bool{
		StateAwaitHello: {TypeHello: true},
		StateAwaitReady: {TypeReady: true},
		StateOpen:       {TypePing: true, TypeGoodbye: true},
		StateLeaving:    {TypePing: true, TypeGoodbye: true},
	}
	for _, initiator := range []bool{false, true} {
		for state := StateAwaitHello; state <= StateClosed; state++ {
			if initiator && state == StateAwaitReady {
				continue
			}
			for _, f := range frames {
				s := at(t, state, initiator)
				s.opts.PeerName = ""
				wantState(t, s, state)
				_, err := s.Receive(f)
				var pe *ProtocolError
				switch {
				case good[state][f.Type()]:
					if err != nil {
						t.Errorf("%v in %q: %v", f.Type(), state, err)
					}
				case f.Type() == TypeRefuse && (state == StateAwaitHello && initiator || state == StateAwaitReady):
					if !errors.Is(err, ErrRefused) || s.State() != StateClosed {
						t.Errorf("%v in %q: %v", f.Type(), state, err)
					}
				case state == StateDecide || state == StateClosed:
					if !errors.Is(err, ErrSessionState) || s.State() != state {
						t.Errorf("%v in %q: %v", f.Type(), state, err)
					}
				case !errors.As(err, &pe) || !errors.Is(err, ErrUnexpectedFrame) || s.State() != StateClosed:
					t.Errorf("%v in %q: %v", f.Type(), state, err)
				}
			}
		}
	}
}

// Every method in every state.
func TestSessionMethodOrder(t *testing.T) {
	for _, m := range []struct {
		name string
		call func(*side) (Frame, error)
		ok   []State
	}{
		{"accept", func(s *side) (Frame, error) { return s.Accept() }, []State{StateDecide}},
		{"refuse", func(s *side) (Frame, error) { return s.Refuse(RefuseDuplicate, "") }, []State{StateAwaitHello, StateDecide}},
		{"refuse 0", func(s *side) (Frame, error) { return s.Refuse(0, "") }, nil},
		{"ping", func(s *side) (Frame, error) { return s.Ping(1) }, []State{StateOpen}},
		{"goodbye", func(s *side) (Frame, error) { return s.Goodbye("") }, []State{StateOpen, StatePeerLeaving}},
	} {
		for state := StateAwaitHello; state <= StateClosed; state++ {
			s := at(t, state, false)
			allowed := false
			for _, ok := range m.ok {
				allowed = allowed || ok == state
			}
			f, err := m.call(s)
			if allowed != (err == nil && f != nil) || !allowed && (!errors.Is(err, ErrSessionState) || s.State() != state) {
				t.Errorf("%s in %q: %v, %v", m.name, state, f, err)
			}
		}
	}
	i, _ := newPair(t)
	if _, err := i.Refuse(RefuseDuplicate, ""); !errors.Is(err, ErrSessionState) {
		t.Errorf("an initiator refuses before it has read: %v", err)
	}
}

func TestNewSessionChecksHello(t *testing.T) {
	if _, _, err := NewSession(SessionOptions{}); !errors.Is(err, ErrMalformed) {
		t.Error(err)
	}
}
