package cookie

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"slices"
	"testing"

	"github.com/wnode/wnode/cookie/cpace"
	"pgregory.net/rapid"
)

// key makes a public key; its private half is never needed without TLS.
func key(b byte) ed25519.PublicKey { return bytes.Repeat([]byte{b}, ed25519.PublicKeySize) }

var keyI, keyR = key('I'), key('R')

// start runs the first two steps of a handshake of one@a with two@b.
func start(t testing.TB, dial Secret, listen ...Secret) (*Initiator, *Responder) {
	t.Helper()
	i, err := NewInitiator(dial, "one@a", "two@b", keyI)
	if err != nil {
		t.Fatal(err)
	}
	r, err := NewResponder(listen, "two@b", i.Token(), keyR)
	if err != nil {
		t.Fatal(err)
	}
	return i, r
}

// COOK-01
func TestHandshake(t *testing.T) {
	i, r := start(t, secret(t, "chocolate"), secret(t, "chocolate"))
	mine, err := i.Finish(r.Proof(), keyR)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Verify(mine, keyI); err != nil {
		t.Fatal(err)
	}
	// A second guess in the same run is refused even if it is right.
	if _, err := i.Finish(r.Proof(), keyR); !errors.Is(err, ErrUsed) {
		t.Errorf("second Finish: %v, want ErrUsed", err)
	}
	if err := r.Verify(mine, keyI); !errors.Is(err, ErrUsed) {
		t.Errorf("second Verify: %v, want ErrUsed", err)
	}
}

func TestInitiatorRefuses(t *testing.T) {
	flip := func(at int) func([]byte) []byte {
		return func(proof []byte) []byte {
			proof = slices.Clone(proof)
			proof[at] ^= 1
			return proof
		}
	}
	same := func(proof []byte) []byte { return proof }
	for name, tt := range map[string]struct {
		tamper func([]byte) []byte
		key    ed25519.PublicKey
		want   error
	}{
		"flipped MAC":   {flip(1 + cpace.ShareSize), keyR, ErrWrongCookie},
		"last MAC byte": {flip(answerSize), keyR, ErrWrongCookie},
		"role":          {flip(0), keyR, ErrMalformedProof},
		"empty":         {func([]byte) []byte { return nil }, keyR, ErrMalformedProof},
		"cut":           {func(p []byte) []byte { return p[:len(p)-1] }, keyR, ErrMalformedProof},
		"no answers":    {func(p []byte) []byte { return p[:1] }, keyR, ErrMalformedProof},
		"three answers": {func(p []byte) []byte { return slices.Concat(p, p[1:], p[1:]) }, keyR, ErrMalformedProof},
		"identity": {func(p []byte) []byte {
			return slices.Concat(p[:1], make([]byte, cpace.ShareSize), p[1+cpace.ShareSize:])
		}, keyR, cpace.ErrInvalidShare},
		"invalid element": {func(p []byte) []byte {
			return slices.Concat(p[:1], bytes.Repeat([]byte{255}, cpace.ShareSize), p[1+cpace.ShareSize:])
		}, keyR, cpace.ErrInvalidShare},
		"other key":   {same, key('M'), ErrWrongCookie},
		"own key":     {same, keyI, ErrReflected},
		"missing key": {same, nil, ErrWrongCookie},
	} {
		t.Run(name, func(t *testing.T) {
			i, r := start(t, secret(t, "chocolate"), secret(t, "chocolate"))
			mine, err := i.Finish(tt.tamper(r.Proof()), tt.key)
			if !errors.Is(err, tt.want) || mine != nil {
				t.Fatalf("Finish = %x, %v; want %v", mine, err, tt.want)
			}
			if !IsAuthFailure(err) {
				t.Errorf("%v is no authentication failure", err)
			}
		})
	}
}

// An initiator's own share, sent back with any MAC, is refused.
func TestInitiatorRefusesOwnShare(t *testing.T) {
	i, _ := start(t, secret(t, "chocolate"), secret(t, "chocolate"))
	if _, err := i.Finish(encodeAnswers([]answer{{share: i.Token().Share}}), keyR); !errors.Is(err, ErrReflected) {
		t.Errorf("error %v, want ErrReflected", err)
	}
}

func TestResponderRefuses(t *testing.T) {
	flip := func(at int) func([]byte, *Responder) []byte {
		return func(proof []byte, _ *Responder) []byte {
			proof[at] ^= 1
			return proof
		}
	}
	same := func(proof []byte, _ *Responder) []byte { return proof }
	for name, tt := range map[string]struct {
		tamper func([]byte, *Responder) []byte
		key    ed25519.PublicKey
		want   error
	}{
		"flipped MAC":   {flip(1), keyI, ErrWrongCookie},
		"last MAC byte": {flip(macSize), keyI, ErrWrongCookie},
		"role":          {flip(0), keyI, ErrMalformedProof},
		"empty":         {func([]byte, *Responder) []byte { return nil }, keyI, ErrMalformedProof},
		"long":          {func(p []byte, _ *Responder) []byte { return append(p, 0) }, keyI, ErrMalformedProof},
		"its own proof": {func(_ []byte, r *Responder) []byte { return r.Proof() }, keyI, ErrMalformedProof},
		"its own MAC": {func(_ []byte, r *Responder) []byte {
			return append([]byte{roleInitiator}, r.Proof()[1+cpace.ShareSize:]...)
		}, keyI, ErrWrongCookie},
		"other key":       {same, key('M'), ErrWrongCookie},
		"its own key":     {same, keyR, ErrReflected},
		"MAC of a zero[]": {func([]byte, *Responder) []byte { return encodeMAC([macSize]byte{}) }, keyI, ErrWrongCookie},
	} {
		t.Run(name, func(t *testing.T) {
			i, r := start(t, secret(t, "chocolate"), secret(t, "chocolate"))
			mine, err := i.Finish(r.Proof(), keyR)
			if err != nil {
				t.Fatal(err)
			}
			if err := r.Verify(tt.tamper(mine, r), tt.key); !errors.Is(err, tt.want) {
				t.Errorf("Verify: %v, want %v", err, tt.want)
			}
		})
	}
}

// Whatever of the token changes on the way, the initiator finds out.
func TestTamperedToken(t *testing.T) {
	cookie := secret(t, "chocolate")
	other, err := NewInitiator(cookie, "one@a", "two@b", keyI)
	if err != nil {
		t.Fatal(err)
	}
	for name, tamper := range map[string]func(*Token){
		"session": func(token *Token) { token.Session[0] ^= 1 },
		"share":   func(token *Token) { token.Share = other.Token().Share },
		"name":    func(token *Token) { token.Name = "evil@a" },
	} {
		t.Run(name, func(t *testing.T) {
			i, err := NewInitiator(cookie, "one@a", "two@b", keyI)
			if err != nil {
				t.Fatal(err)
			}
			token := i.Token()
			tamper(&token)
			r, err := NewResponder([]Secret{cookie}, "two@b", token, keyR)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := i.Finish(r.Proof(), keyR); !errors.Is(err, ErrWrongCookie) {
				t.Errorf("Finish: %v, want ErrWrongCookie", err)
			}
		})
	}
}

func TestNewInitiatorRefuses(t *testing.T) {
	cookie := secret(t, "chocolate")
	for name, tt := range map[string]struct {
		cookie     Secret
		self, peer string
		want       error
	}{
		"no cookie": {Secret{}, "one@a", "two@b", ErrEmpty},
		"self":      {cookie, "one", "two@b", ErrInvalidName},
		"peer":      {cookie, "one@a", "", ErrInvalidName},
		"itself":    {cookie, "one@a", "one@a", ErrReflected},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := NewInitiator(tt.cookie, tt.self, tt.peer, keyI); !errors.Is(err, tt.want) {
				t.Errorf("error %v, want %v", err, tt.want)
			}
		})
	}
}

func TestNewResponderRefuses(t *testing.T) {
	cookie := secret(t, "chocolate")
	i, err := NewInitiator(cookie, "one@a", "two@b", keyI)
	if err != nil {
		t.Fatal(err)
	}
	identity, invalid := i.Token(), i.Token()
	identity.Share = [cpace.ShareSize]byte{}
	invalid.Share[0] |= 1 // canonical encodings are even
	for name, tt := range map[string]struct {
		cookies []Secret
		self    string
		token   Token
		want    error
	}{
		"none":            {nil, "two@b", i.Token(), ErrNoCookie},
		"zero":            {[]Secret{{}}, "two@b", i.Token(), ErrEmpty},
		"three":           {[]Secret{cookie, cookie, cookie}, "two@b", i.Token(), ErrTooMany},
		"own name":        {[]Secret{cookie}, "one@a", i.Token(), ErrReflected},
		"identity":        {[]Secret{cookie}, "two@b", identity, ErrMalformedToken},
		"invalid element": {[]Secret{cookie}, "two@b", invalid, ErrMalformedToken},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := NewResponder(tt.cookies, tt.self, tt.token, keyR); !errors.Is(err, tt.want) {
				t.Errorf("error %v, want %v", err, tt.want)
			}
		})
	}
}

// COOK-02, COOK-05: a handshake succeeds exactly if the dialler's cookie is one of
// the listener's and both mean the same names.
func TestHandshakeSucceedsIffCookieShared(t *testing.T) {
	words := []string{"chocolate", "Chocolate", "chocolate ", "c", "vanilla"}
	names := []string{"one@a", "two@b", "three@c"}
	rapid.Check(t, func(t *rapid.T) {
		draw := rapid.SampledFrom(words)
		dial := draw.Draw(t, "dial")
		listen := rapid.SliceOfN(draw, 1, MaxCookies).Draw(t, "listen")
		expected := rapid.SampledFrom(names[1:]).Draw(t, "expected")
		actual := rapid.SampledFrom(names[1:]).Draw(t, "actual")
		want := slices.Contains(listen, dial) && expected == actual

		cookie, _ := NewSecret(dial)
		var cookies []Secret
		for _, text := range listen {
			s, _ := NewSecret(text)
			cookies = append(cookies, s)
		}
		i, err := NewInitiator(cookie, names[0], expected, keyI)
		if err != nil {
			t.Fatal(err)
		}
		r, err := NewResponder(cookies, actual, i.Token(), keyR)
		if err != nil {
			t.Fatal(err)
		}
		mine, err := i.Finish(r.Proof(), keyR)
		if (err == nil) != want || err != nil && !errors.Is(err, ErrWrongCookie) {
			t.Fatalf("Finish: %v, want success %v", err, want)
		}
		if want {
			if err := r.Verify(mine, keyI); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func FuzzDecodeProof(f *testing.F) {
	i, r := start(f, secret(f, "chocolate"), secret(f, "chocolate"), secret(f, "vanilla"))
	mine, err := i.Finish(r.Proof(), keyR)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(r.Proof())
	f.Add(r.Proof()[:1+answerSize])
	f.Add(mine)
	f.Add([]byte{roleResponder})
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, proof []byte) {
		answers, err := decodeAnswers(proof)
		if (err == nil) != (answers != nil) || len(answers) > MaxCookies {
			t.Fatalf("decodeAnswers = %d answers, %v", len(answers), err)
		}
		if err == nil && !bytes.Equal(encodeAnswers(answers), proof) {
			t.Fatal("answers do not encode to what they were decoded from")
		}
		mac, err := decodeMAC(proof)
		if err == nil && (answers != nil || !bytes.Equal(encodeMAC(mac), proof)) {
			t.Fatal("a MAC does not encode to what it was decoded from")
		}
	})
}
