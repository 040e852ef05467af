package cookie

import (
	"bytes"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"fmt"

	"github.com/wnode/wnode/cookie/cpace"
)

// An Initiator is the dialling node's side of one handshake: it gives a token,
// takes the responder's proof and gives a proof of its own. It does no I/O and
// is not safe for concurrent use.
type Initiator struct {
	party *cpace.Party
	token Token
	peer  string
	key   ed25519.PublicKey
	used  bool
}

// NewInitiator begins a handshake of the node self with the node peer under one
// cookie. key is the public key of the certificate that self will show.
//
// Errors: ErrInvalidName, ErrNameTooLong, ErrReflected (self is peer), ErrEmpty
// (the zero Secret).
func NewInitiator(cookie Secret, self, peer string, key ed25519.PublicKey) (*Initiator, error) {
	if cookie.IsZero() {
		return nil, ErrEmpty
	}
	for _, name := range []string{self, peer} {
		if err := CheckName(name); err != nil {
			return nil, err
		}
	}
	if self == peer {
		return nil, ErrReflected
	}
	i := &Initiator{token: Token{Name: self}, peer: peer, key: key}
	if _, err := rand.Read(i.token.Session[:]); err != nil {
		return nil, fmt.Errorf("cookie: drawing a session identifier: %w", err)
	}
	var err error
	if i.party, err = cpace.New(inputs(cookie, self, peer, i.token.Session)); err != nil {
		return nil, fmt.Errorf("cookie: beginning a handshake: %w", err)
	}
	i.token.Share = i.party.Share()
	return i, nil
}

// Token returns the token to offer.
func (i *Initiator) Token() Token { return i.token }

// Finish verifies the proof of a responder that showed a certificate with
// peerKey, and returns the proof to answer with. After success the responder
// is known to be the node peer, provided that it proves to hold the key. Finish works
// once: every call is a guess that the other side makes.
//
// Errors: ErrWrongCookie, ErrMalformedProof, ErrReflected, ErrUsed.
func (i *Initiator) Finish(proof []byte, peerKey ed25519.PublicKey) ([]byte, error) {
	if i.used {
		return nil, ErrUsed
	}
	i.used = true
	if bytes.Equal(peerKey, i.key) {
		return nil, ErrReflected
	}
	answers, err := decodeAnswers(proof)
	if err != nil {
		return nil, err
	}
	token := []byte(i.token.String())
	var mine []byte
	// All answers are tried, also after one that fits.
	for _, a := range answers {
		if a.share == i.token.Share {
			return nil, ErrReflected
		}
		isk, err := i.party.InitiatorKey(a.share[:])
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrMalformedProof, err)
		}
		want, err := roleMAC(isk, roleResponder, token, a.share[:], peerKey, []byte(i.peer))
		if err != nil {
			return nil, err
		}
		if !hmac.Equal(a.mac[:], want[:]) {
			continue
		}
		mac, err := roleMAC(isk, roleInitiator, token, a.share[:], peerKey, i.key, []byte(i.token.Name))
		if err != nil {
			return nil, err
		}
		mine = encodeMAC(mac)
	}
	if mine == nil {
		return nil, ErrWrongCookie
	}
	return mine, nil
}

// A Responder is the listening node's side of one handshake: it takes a token,
// gives a proof and takes the initiator's. It does no I/O and is not
// safe for concurrent use.
type Responder struct {
	token Token
	key   ed25519.PublicKey
	proof []byte
	runs  []run
	used  bool
}

// A run is what a Responder keeps for one of its cookies.
type run struct {
	share [cpace.ShareSize]byte
	isk   []byte
}

// NewResponder answers the token of a node that dialled the node self, under one
// to MaxCookies cookies. key is the public key of the certificate that self will
// show.
//
// Errors: ErrReflected (the token has self's own name), ErrMalformedToken (its
// share is no valid element), ErrNoCookie, ErrTooMany, ErrEmpty (a zero Secret).
func NewResponder(cookies []Secret, self string, token Token, key ed25519.PublicKey) (*Responder, error) {
	switch {
	case len(cookies) == 0:
		return nil, ErrNoCookie
	case len(cookies) > MaxCookies:
		return nil, ErrTooMany
	case token.Name == self:
		return nil, ErrReflected
	}
	r := &Responder{token: token, key: key}
	var answers []answer
	for _, cookie := range cookies {
		a, err := r.answer(cookie, self)
		if err != nil {
			return nil, err
		}
		answers = append(answers, a)
	}
	r.proof = encodeAnswers(answers)
	return r, nil
}

// answer runs CPace under one cookie, with a scalar of its own.
func (r *Responder) answer(cookie Secret, self string) (answer, error) {
	if cookie.IsZero() {
		return answer{}, ErrEmpty
	}
	party, err := cpace.New(inputs(cookie, r.token.Name, self, r.token.Session))
	if err != nil {
		return answer{}, fmt.Errorf("cookie: answering a handshake: %w", err)
	}
	isk, err := party.ResponderKey(r.token.Share[:])
	if err != nil {
		return answer{}, fmt.Errorf("%w: %w", ErrMalformedToken, err)
	}
	a := answer{share: party.Share()}
	a.mac, err = roleMAC(isk, roleResponder, []byte(r.token.String()), a.share[:], r.key, []byte(self))
	if err != nil {
		return answer{}, err
	}
	r.runs = append(r.runs, run{share: a.share, isk: isk})
	return a, nil
}

// Proof returns the proof to show. The caller must not modify it.
func (r *Responder) Proof() []byte { return r.proof }

// Verify verifies the proof of an initiator that showed a certificate with
// peerKey. After success the initiator is known to be the node that the token
// names, provided that it proves to hold the key. Verify works once.
//
// Errors: ErrWrongCookie, ErrMalformedProof, ErrReflected, ErrUsed.
func (r *Responder) Verify(proof []byte, peerKey ed25519.PublicKey) error {
	if r.used {
		return ErrUsed
	}
	r.used = true
	if bytes.Equal(peerKey, r.key) {
		return ErrReflected
	}
	mac, err := decodeMAC(proof)
	if err != nil {
		return err
	}
	token, fits := []byte(r.token.String()), false
	for _, run := range r.runs {
		want, err := roleMAC(run.isk, roleInitiator, token, run.share[:], r.key, peerKey, []byte(r.token.Name))
		if err != nil {
			return err
		}
		fits = hmac.Equal(mac[:], want[:]) || fits
	}
	if !fits {
		return ErrWrongCookie
	}
	return nil
}
