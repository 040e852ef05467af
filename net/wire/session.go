package wire

import (
	"fmt"
)

// State is where a [Session] stands.
type State uint8

// The states.
const (
	StateAwaitHello  State = iota // the peer's Hello is to come
	StateDecide                   // the peer's Hello is here: Accept or Refuse
	StateAwaitReady               // responder: accepted, the initiator's word is to come
	StateOpen                     // the link is up
	StateLeaving                  // our Goodbye is out, the peer's is to come
	StatePeerLeaving              // the peer's Goodbye is here, ours is due
	StateClosed                   // nothing more is to be sent or read; see Err
)

// String gives the state in words.
func (s State) String() string {
	names := [...]string{"await hello", "decide", "await ready", "open", "leaving", "peer leaving", "closed"}
	if int(s) < len(names) {
		return names[s]
	}
	return fmt.Sprintf("state %d", uint8(s))
}

// MaxPings bounds the pings of a [Session] that wait for their pongs.
const MaxPings = 64

// SessionOptions is what a node knows when the control stream opens.
type SessionOptions struct {
	Hello     Hello  // our own
	Initiator bool   // whether we dialled
	PeerName  string // the name that the peer proved in the cookie handshake; empty leaves it unchecked
}

// Session is one side of the control stream as a state machine: frames and decisions in, frames
// out. Its owner reads frames and hands each to Receive, sends every frame that a method returns,
// in order and also when an error comes with it, and then looks at State:
//
//   - In StateDecide it reads no further but calls Accept or Refuse. Only the owner knows of other
//     links, so duplicates, name clashes and crossing attempts ([Survivor]) are its to refuse.
//     The Session itself refuses a peer without a common version, with our node id or with our name.
//   - In StatePeerLeaving it reads the peer's signals to their end and calls Goodbye.
//   - In StateClosed it closes the connection, after what was returned is sent.
//
// A Session is for one goroutine at a time.
type Session struct {
	opts  SessionOptions
	state State
	err   error
	peer  Hello
	terms Agreement
	pings []uint64 // tokens that wait for their pongs, oldest first
}

// NewSession starts a session. first is the frame to send at once, nil for a responder. It fails
// when a peer would refuse o.Hello.
func NewSession(o SessionOptions) (s *Session, first Frame, err error) {
	if err := o.Hello.check(); err != nil {
		return nil, nil, fmt.Errorf("own hello: %w: %w", ErrMalformed, err)
	}
	if o.Initiator {
		first = o.Hello
	}
	return &Session{opts: o}, first, nil
}

// State says where the session stands.
func (s *Session) State() State { return s.state }

// Err says why the session is closed: nil while it is not and after two Goodbyes, a [*RefusedError],
// or a [*ProtocolError].
func (s *Session) Err() error { return s.err }

// Peer gives the peer's Hello; it is zero in StateAwaitHello.
func (s *Session) Peer() Hello { return s.peer }

// Agreement gives the terms of the link; it is zero before StateDecide.
func (s *Session) Agreement() Agreement { return s.terms }

// Receive takes the next frame of the peer. reply is to be sent when it is not nil, with or without
// an error. An error closes the session and is what Err gives from then on, but for
// [ErrSessionState] in StateDecide and StateClosed, when no frame should have been read.
func (s *Session) Receive(f Frame) (reply Frame, err error) {
	switch s.state {
	case StateDecide, StateClosed:
		return nil, s.wrongState("receive")
	case StateAwaitHello:
		reply, err = s.receiveHello(f)
	case StateAwaitReady:
		err = s.receiveReady(f)
	case StateOpen:
		reply, err = s.receiveOpen(f)
	case StateLeaving:
		err = s.receiveLeaving(f)
	default: // after a Goodbye of the peer nothing may come
		err = s.unexpected(f)
	}
	if err != nil {
		s.state, s.err = StateClosed, err
	}
	return reply, err
}

func (s *Session) receiveHello(f Frame) (Frame, error) {
	switch f := f.(type) {
	case Hello:
		return s.meet(f)
	case Refuse:
		if s.opts.Initiator {
			return nil, &RefusedError{Code: f.Code, Text: f.Text, ByPeer: true}
		}
	}
	return nil, s.unexpected(f)
}

// meet looks at what can be judged from the two Hellos alone.
func (s *Session) meet(peer Hello) (Frame, error) {
	own := s.opts.Hello
	if want := s.opts.PeerName; want != "" && peer.Name != want {
		return nil, s.protocolError(peer, fmt.Errorf("%w: %q, not %q", ErrNameMismatch, peer.Name, want))
	}
	s.peer = peer
	if peer.Node == own.Node {
		return s.refusal(RefuseSelf, "")
	}
	if peer.Name == own.Name {
		return s.refusal(RefuseNameInUse, "")
	}
	terms, err := Agree(own, peer)
	if err != nil {
		return s.refusal(RefuseVersion, err.Error())
	}
	s.terms, s.state = terms, StateDecide
	return nil, nil
}

func (s *Session) refusal(code RefuseCode, text string) (Frame, error) {
	text = clipText(text)
	return Refuse{Code: code, Text: text}, &RefusedError{Code: code, Text: text}
}

func (s *Session) receiveReady(f Frame) error {
	switch f := f.(type) {
	case Ready:
		s.state = StateOpen
		return nil
	case Refuse:
		return &RefusedError{Code: f.Code, Text: f.Text, ByPeer: true}
	}
	return s.unexpected(f)
}

func (s *Session) receiveOpen(f Frame) (Frame, error) {
	switch f := f.(type) {
	case Ping:
		return Pong(f), nil
	case Pong:
		return nil, s.receivePong(f)
	case Goodbye:
		s.state = StatePeerLeaving
		return nil, nil
	}
	return nil, s.unexpected(f)
}

// receiveLeaving leaves pings unanswered: our Goodbye was our last frame.
func (s *Session) receiveLeaving(f Frame) error {
	switch f := f.(type) {
	case Ping:
		return nil
	case Pong:
		return s.receivePong(f)
	case Goodbye:
		s.state = StateClosed
		return nil
	}
	return s.unexpected(f)
}

func (s *Session) receivePong(f Pong) error {
	if len(s.pings) == 0 || s.pings[0] != f.Token {
		return s.unexpected(f)
	}
	s.pings = s.pings[1:]
	return nil
}

// Accept takes the peer's Hello, in StateDecide, and gives the frame that says so. The initiator's
// link is open with it, the responder's when the initiator's Ready is here.
func (s *Session) Accept() (Frame, error) {
	if s.state != StateDecide {
		return nil, s.wrongState("accept")
	}
	if s.opts.Initiator {
		s.state = StateOpen
		return Ready{}, nil
	}
	s.state = StateAwaitReady
	return s.opts.Hello, nil
}

// Refuse ends the hello phase: in StateDecide, and for a responder in StateAwaitHello too. text is
// cut to [MaxTextBytes]. Err then gives a [*RefusedError]. A code of 0 is a programming error.
func (s *Session) Refuse(code RefuseCode, text string) (Frame, error) {
	early := s.state == StateAwaitHello && !s.opts.Initiator
	if s.state != StateDecide && !early || code == 0 {
		return nil, s.wrongState("refuse")
	}
	frame, err := s.refusal(code, text)
	s.state, s.err = StateClosed, err
	return frame, nil
}

// Ping gives the frame that asks for a pong with the token, in StateOpen and while fewer than
// [MaxPings] wait for theirs.
func (s *Session) Ping(token uint64) (Frame, error) {
	if s.state != StateOpen || len(s.pings) == MaxPings {
		return nil, s.wrongState("ping")
	}
	s.pings = append(s.pings, token)
	return Ping{Token: token}, nil
}

// Goodbye gives the frame that ends an open link, in StateOpen and StatePeerLeaving: end the
// signal streams before it is sent. reason is cut to [MaxTextBytes].
func (s *Session) Goodbye(reason string) (Frame, error) {
	switch s.state {
	case StateOpen:
		s.state = StateLeaving
	case StatePeerLeaving:
		s.state = StateClosed
	default:
		return nil, s.wrongState("goodbye")
	}
	return Goodbye{Reason: clipText(reason)}, nil
}

func (s *Session) wrongState(doing string) error {
	return fmt.Errorf("%w: %s in state %q", ErrSessionState, doing, s.state)
}

func (s *Session) unexpected(f Frame) error {
	return s.protocolError(f, ErrUnexpectedFrame)
}

func (s *Session) protocolError(f Frame, err error) error {
	doing := fmt.Sprintf("receive %v in state %q", f.Type(), s.state)
	return &ProtocolError{Stream: StreamControl, Doing: doing, Err: err}
}
