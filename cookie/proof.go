package cookie

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha512"
	"encoding/binary"
	"fmt"

	"github.com/wnode/wnode/cookie/cpace"
)

// MaxCookies is the greatest number of cookies that a node accepts from one peer:
// the one in use and, during a change, the one before or after it.
const MaxCookies = 2

// macSize is the length of a MAC, HMAC-SHA-512, in bytes.
const macSize = sha512.Size

// Roles tag the proofs, and separate the keys of the MACs.
const (
	roleInitiator = 'I'
	roleResponder = 'R'
)

// An answer is R's share and MAC under one of its cookies.
type answer struct {
	share [cpace.ShareSize]byte
	mac   [macSize]byte
}

const answerSize = cpace.ShareSize + macSize

// encodeAnswers gives R's proof as it stands in the certificate: the role, then
// share and MAC of each cookie.
func encodeAnswers(answers []answer) []byte {
	out := []byte{roleResponder}
	for _, a := range answers {
		out = append(append(out, a.share[:]...), a.mac[:]...)
	}
	return out
}

// decodeAnswers reads R's proof: one to MaxCookies answers and nothing else.
func decodeAnswers(proof []byte) ([]answer, error) {
	if len(proof) < 1+answerSize || len(proof) > 1+MaxCookies*answerSize ||
		proof[0] != roleResponder || (len(proof)-1)%answerSize != 0 {
		return nil, fmt.Errorf("%w: not a responder's", ErrMalformedProof)
	}
	var answers []answer
	for rest := proof[1:]; len(rest) > 0; rest = rest[answerSize:] {
		var a answer
		copy(a.share[:], rest)
		copy(a.mac[:], rest[cpace.ShareSize:])
		answers = append(answers, a)
	}
	return answers, nil
}

// encodeMAC gives I's proof as it stands in the certificate: the role, the MAC.
func encodeMAC(mac [macSize]byte) []byte {
	return append([]byte{roleInitiator}, mac[:]...)
}

// decodeMAC reads I's proof.
func decodeMAC(proof []byte) (mac [macSize]byte, err error) {
	if len(proof) != 1+macSize || proof[0] != roleInitiator {
		return mac, fmt.Errorf("%w: not an initiator's", ErrMalformedProof)
	}
	copy(mac[:], proof[1:])
	return mac, nil
}

// roleMAC authenticates the fields with the key that belongs to the role, made
// of CPace's key. Each field follows its length in 8 bytes, so that
// different fields never give the same input.
func roleMAC(isk []byte, role byte, fields ...[]byte) (mac [macSize]byte, err error) {
	key, err := hkdf.Key(sha512.New, isk, nil, ALPNPrefix+" cookie MAC "+string(rune(role)), macSize)
	if err != nil {
		return mac, fmt.Errorf("cookie: deriving a MAC key: %w", err)
	}
	h := hmac.New(sha512.New, key)
	var size [8]byte
	for _, field := range fields {
		binary.BigEndian.PutUint64(size[:], uint64(len(field)))
		h.Write(size[:])
		h.Write(field)
	}
	h.Sum(mac[:0])
	return mac, nil
}

// inputs are CPace's: the cookie, the label with both names in their roles, and
// the session.
func inputs(cookie Secret, initiator, responder string, session [sessionSize]byte) cpace.Inputs {
	var channel []byte
	for _, part := range []string{ALPNPrefix, initiator, responder} {
		channel = binary.AppendUvarint(channel, uint64(len(part)))
		channel = append(channel, part...)
	}
	return cpace.Inputs{Password: []byte(cookie.Reveal()), Channel: channel, Session: session[:]}
}
