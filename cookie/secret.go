package cookie

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"math"
	"strings"
)

const (
	// MaxLength is the greatest length of a cookie in characters, which are bytes.
	MaxLength = 255

	redacted   = "[redacted]"
	randomBits = 256
	weakBits   = 80
)

// A Secret is a cookie. It cannot be printed, logged or marshalled: every such
// attempt gives [redacted]. The zero Secret holds no cookie and no
// handshake accepts it. Secrets are immutable and safe for concurrent use.
type Secret struct {
	_ [0]func() // == would compare pointers; Equal is meant

	// The pointer keeps fmt from printing the text when a Secret is an
	// unexported field of something else: it calls no methods there.
	text *string
}

// NewSecret makes a Secret of the characters of text, 1 to MaxLength of printable
// ASCII including blanks.
//
// Errors: ErrEmpty, ErrTooLong, ErrBadCharacters. None of them cites text.
func NewSecret(text string) (Secret, error) {
	switch {
	case text == "":
		return Secret{}, ErrEmpty
	case len(text) > MaxLength:
		return Secret{}, ErrTooLong
	}
	for i := range len(text) {
		if text[i] < ' ' || text[i] > '~' {
			return Secret{}, ErrBadCharacters
		}
	}
	return Secret{text: &text}, nil
}

// RandomSecret makes a cookie of 256 random bits, in base64url.
func RandomSecret() (Secret, error) {
	var b [randomBits / 8]byte
	if _, err := rand.Read(b[:]); err != nil {
		return Secret{}, fmt.Errorf("cookie: drawing a random cookie: %w", err)
	}
	return NewSecret(base64.RawURLEncoding.EncodeToString(b[:]))
}

// Reveal returns the cookie itself, for those who must show it to its owner or
// store it. The zero Secret gives "".
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// IsZero reports whether s holds no cookie.
func (s Secret) IsZero() bool { return s.text == nil }

// Equal reports whether both are the same cookie, in a time that depends on
// nothing but their lengths. Two zero Secrets are not equal.
func (s Secret) Equal(other Secret) bool {
	return !s.IsZero() && subtle.ConstantTimeCompare([]byte(s.Reveal()), []byte(other.Reveal())) == 1
}

// Weak reports whether the cookie is one that patient guessing could find: its
// length and the kinds of characters in it leave room for less than 80 bits, or
// it has fewer than 8 different characters. A cookie that is not Weak may
// still be a bad one; a caller warns of a weak one and uses it.
func (s Secret) Weak() bool {
	text := s.Reveal()
	alphabet, different := 0.0, make(map[rune]bool)
	for _, kind := range []struct {
		size float64
		has  func(r rune) bool
	}{
		{10, func(r rune) bool { return '0' <= r && r <= '9' }},
		{26, func(r rune) bool { return 'a' <= r && r <= 'z' }},
		{26, func(r rune) bool { return 'A' <= r && r <= 'Z' }},
		{33, func(r rune) bool { return strings.ContainsRune(" !\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", r) }},
	} {
		if strings.ContainsFunc(text, kind.has) {
			alphabet += kind.size
		}
	}
	for _, r := range text {
		different[r] = true
	}
	return len(different) < 8 || float64(len(text))*math.Log2(alphabet) < weakBits
}

// String returns [redacted].
func (s Secret) String() string { return redacted }

// GoString returns [redacted], which is what the verb %#v prints.
func (s Secret) GoString() string { return redacted }

// Format prints [redacted] for every verb and flag.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue logs [redacted].
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText gives [redacted], and so do encoders of JSON and CBOR.
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }
