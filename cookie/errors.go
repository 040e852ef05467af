package cookie

import (
	"crypto/tls"
	"errors"
	"net"
)

// What can be wrong with a cookie or its file.
var (
	// ErrEmpty says that a cookie has no characters.
	ErrEmpty = errors.New("too short cookie string")
	// ErrTooLong says that a cookie has more than MaxLength characters.
	ErrTooLong = errors.New("too long cookie string")
	// ErrBadCharacters says that a cookie has a character other than printable ASCII.
	ErrBadCharacters = errors.New("bad characters in cookie")
	// ErrExposed says that others than its owner have rights on a cookie file.
	ErrExposed = errors.New("must be accessible by owner only")
	// ErrNotRegular says that a cookie file is a folder, a pipe or a device.
	ErrNotRegular = errors.New("is not a regular file")
	// ErrTooMany says that more than MaxCookies cookies were given for one peer.
	ErrTooMany = errors.New("cookie: more than two cookies for one peer")
)

// What can be wrong with names and handshakes.
var (
	// ErrInvalidName says that a node name is not of the form name@host.
	ErrInvalidName = errors.New("cookie: invalid node name")
	// ErrNameTooLong says that a node name does not fit into the ALPN token.
	ErrNameTooLong = errors.New("cookie: node name too long")
	// ErrNoCookie says that there is no cookie for the peer to dial.
	ErrNoCookie = errors.New("cookie: no cookie for this peer")
	// ErrWrongCookie says that the peer did not prove the cookie. To the side
	// that dials it means as well that the node there has another name than
	// the expected one: the two cannot be told apart.
	ErrWrongCookie = errors.New("cookie: the peer does not know the cookie, or has another name")
	// ErrMalformedToken says that a peer's ALPN protocol name is not a Token.
	ErrMalformedToken = errors.New("cookie: malformed ALPN token")
	// ErrMalformedProof says that a peer's certificate is not of the
	// handshake's form: no Ed25519 key, no proof, or one of a wrong shape.
	ErrMalformedProof = errors.New("cookie: malformed proof in certificate")
	// ErrReflected says that a peer has this node's own name, key or share:
	// somebody sends a node's messages back to it, or it dials itself.
	ErrReflected = errors.New("cookie: handshake with this node itself")
	// ErrUsed says that the state of a handshake was used for a second one.
	ErrUsed = errors.New("cookie: handshake state used twice")
)

const (
	// AuthFailureAlert is the TLS alert, bad_certificate (RFC 8446, section
	// 6.2), that ends a handshake in which a node did not accept its peer's proof.
	AuthFailureAlert tls.AlertError = 42
	// AuthFailureCode is the same as the error code of a QUIC connection
	// (RFC 9001, section 4.8).
	AuthFailureCode uint64 = 0x100 + uint64(AuthFailureAlert)
)

// IsAuthFailure reports whether err, from a TLS handshake, says that the
// cookies differ: because this side refused the peer's proof, or because the
// peer refused ours and said so with AuthFailureAlert.
//
// quic-go wraps the error of this side, so that IsAuthFailure finds it. It
// reports the refusal of the peer only as a code, in a type without methods:
// compare the field ErrorCode of its TransportError with AuthFailureCode.
func IsAuthFailure(err error) bool {
	if errors.Is(err, ErrWrongCookie) || errors.Is(err, ErrMalformedProof) || errors.Is(err, ErrReflected) {
		return true
	}
	// crypto/tls over a net.Conn reports an alert of the peer as an OpError
	// around a type that it does not export, with the text of AlertError.
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "remote error" && op.Err != nil && op.Err.Error() == AuthFailureAlert.Error()
}
