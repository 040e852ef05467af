package wire

import (
	"errors"
	"fmt"
)

// What a peer did wrong. All of these arrive inside a [ProtocolError].
var (
	ErrMalformed       = errors.New("malformed frame")
	ErrFrameTooLarge   = errors.New("frame too large")
	ErrUnknownFrame    = errors.New("unknown frame type")
	ErrUnknownStream   = errors.New("unknown stream kind")
	ErrUnexpectedFrame = errors.New("unexpected frame")
	ErrNameMismatch    = errors.New("node name differs from the one proved in the handshake")
	ErrMisrouted       = errors.New("signal from or to a process that is not on this link")
	ErrWrongLane       = errors.New("signal on a lane that is not its sender's")
)

// ErrSessionState means that a method of a [Session] was called in a state that does not allow it.
var ErrSessionState = errors.New("wire: not allowed in this state of the session")

// ProtocolError means that a peer broke the rules of the protocol. The link to it is to be closed,
// but for [ErrUnknownStream]. Failures of the stream itself are not protocol errors: a stream that
// ends inside a frame gives an error that wraps [io.ErrUnexpectedEOF].
type ProtocolError struct {
	Stream StreamKind
	Doing  string // what was being done, such as "decode hello"
	Err    error  // one of the sentinels of this package, or an error that wraps one
}

// Error names the stream, what was being done, and what is wrong.
func (e *ProtocolError) Error() string {
	return fmt.Sprintf("protocol error on %v stream: %s: %v", e.Stream, e.Doing, e.Err)
}

// Unwrap gives Err.
func (e *ProtocolError) Unwrap() error { return e.Err }

// Why a link was refused, one for each [RefuseCode].
var (
	ErrNameInUse           = errors.New("another node with this name is connected")
	ErrVersionMismatch     = errors.New("no protocol version in common")
	ErrSelfConnect         = errors.New("a node cannot connect to itself")
	ErrDuplicateLink       = errors.New("the two nodes are connected already")
	ErrSimultaneousConnect = errors.New("the other node's attempt to connect goes on instead")
	ErrShuttingDown        = errors.New("the node is shutting down")
	ErrTooManyLinks        = errors.New("the node has as many links as it allows")
)

// ErrRefused is what every [RefusedError] wraps, those with codes of later versions included.
var ErrRefused = errors.New("connection refused by the protocol")

// RefuseCode says why a link is refused. The numbers are part of the wire format.
type RefuseCode uint16

// The codes.
const (
	RefuseNameInUse    RefuseCode = 1
	RefuseVersion      RefuseCode = 2
	RefuseSelf         RefuseCode = 3
	RefuseDuplicate    RefuseCode = 4
	RefuseSimultaneous RefuseCode = 5
	RefuseShuttingDown RefuseCode = 6
	RefuseTooManyLinks RefuseCode = 7
)

// refusals pairs each code with its sentinel; the place in the table is the code less one.
var refusals = [...]error{
	ErrNameInUse, ErrVersionMismatch, ErrSelfConnect, ErrDuplicateLink,
	ErrSimultaneousConnect, ErrShuttingDown, ErrTooManyLinks,
}

// Err gives the sentinel of the code, nil when this version does not know the code.
func (c RefuseCode) Err() error {
	if c < 1 || int(c) > len(refusals) {
		return nil
	}
	return refusals[c-1]
}

// RefuseCodeOf gives the code for the sentinel that err is or wraps, and false when there is none.
func RefuseCodeOf(err error) (RefuseCode, bool) {
	for i, sentinel := range refusals {
		if errors.Is(err, sentinel) {
			return RefuseCode(i + 1), true
		}
	}
	return 0, false
}

// RefusedError means that one side refused the link. It wraps [ErrRefused] and the sentinel of its code.
type RefusedError struct {
	Code   RefuseCode
	Text   string // detail for people, not to be parsed; written by the peer when ByPeer
	ByPeer bool
}

// Error gives the reason in words, and the detail quoted.
func (e *RefusedError) Error() string {
	who, why := "refused", e.Code.Err()
	if e.ByPeer {
		who = "refused by peer"
	}
	if why == nil {
		why = fmt.Errorf("code %d", e.Code)
	}
	if e.Text == "" {
		return fmt.Sprintf("%s: %v", who, why)
	}
	return fmt.Sprintf("%s: %v (%q)", who, why, e.Text)
}

// Unwrap gives [ErrRefused] and the sentinel of the code.
func (e *RefusedError) Unwrap() []error {
	if why := e.Code.Err(); why != nil {
		return []error{ErrRefused, why}
	}
	return []error{ErrRefused}
}
