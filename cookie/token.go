package cookie

import (
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/wnode/wnode/cookie/cpace"
)

const (
	// ALPNPrefix begins every ALPN protocol name of this handshake. It carries the
	// handshake's version.
	ALPNPrefix = "wnode/1"
	// MaxNameLength is the length in bytes of the longest node name that fits
	// into a token: ALPN allows 255 bytes (RFC 7301, section 3.1).
	MaxNameLength = 255 - len(ALPNPrefix) - encodedLen

	sessionSize = 16
	// encodedLen is the length of session and share in base64url; 48 bytes fill
	// it without spare bits or padding.
	encodedLen = (sessionSize + cpace.ShareSize) / 3 * 4
)

// A Token is what the dialling node says first, as its one ALPN protocol name:
// ALPNPrefix, the session and the share in base64url, the node's name.
type Token struct {
	// Session is a random identifier of this attempt.
	Session [sessionSize]byte
	// Share is the dialling node's CPace share, Ya.
	Share [cpace.ShareSize]byte
	// Name is the dialling node's name, as it claims.
	Name string
}

// String returns the ALPN protocol name. It is within 255 bytes if the name is
// within MaxNameLength.
func (t Token) String() string {
	raw := make([]byte, 0, sessionSize+cpace.ShareSize)
	raw = append(append(raw, t.Session[:]...), t.Share[:]...)
	return ALPNPrefix + base64.RawURLEncoding.EncodeToString(raw) + t.Name
}

// ParseToken reads an ALPN protocol name. It accepts exactly what String
// makes of a Token with a valid name. It does not check that the share is an element
// of the group.
//
// Errors: ErrMalformedToken, wrapped with what is wrong.
func ParseToken(protocol string) (Token, error) {
	rest, ok := strings.CutPrefix(protocol, ALPNPrefix)
	if !ok {
		return Token{}, fmt.Errorf("%w: does not begin with %s", ErrMalformedToken, ALPNPrefix)
	}
	if len(rest) < encodedLen {
		return Token{}, fmt.Errorf("%w: too short", ErrMalformedToken)
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(rest[:encodedLen])
	// The decoder skips line ends: the length tells.
	if err != nil || len(raw) != sessionSize+cpace.ShareSize {
		return Token{}, fmt.Errorf("%w: bad base64url", ErrMalformedToken)
	}
	t := Token{Name: rest[encodedLen:]}
	if err := CheckName(t.Name); err != nil {
		return Token{}, fmt.Errorf("%w: %w", ErrMalformedToken, err)
	}
	copy(t.Session[:], raw)
	copy(t.Share[:], raw[sessionSize:])
	return t, nil
}

// CheckName checks that name can stand in a token: name@host, where the name has
// letters, digits and the characters _ - . and the host letters, digits
// and the characters - . : [ ]. It checks no more of the grammar of names.
//
// Errors: ErrInvalidName, ErrNameTooLong (above MaxNameLength).
func CheckName(name string) error {
	if len(name) > MaxNameLength {
		return fmt.Errorf("%w: %d bytes, at most %d fit", ErrNameTooLong, len(name), MaxNameLength)
	}
	user, host, ok := strings.Cut(name, "@")
	if !ok || !consistsOf(user, "_-.") || !consistsOf(host, "-.:[]") {
		return fmt.Errorf("%w: %q", ErrInvalidName, name)
	}
	return nil
}

// consistsOf reports whether s has at least one character, and only ASCII
// letters, digits and those of extra.
func consistsOf(s, extra string) bool {
	for i := range len(s) {
		c := s[i]
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		digit := '0' <= c && c <= '9'
		if !letter && !digit && strings.IndexByte(extra, c) < 0 {
			return false
		}
	}
	return s != ""
}
