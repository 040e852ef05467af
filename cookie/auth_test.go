package cookie

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// node makes the Authenticator of a node with the same cookies for all peers.
func node(t testing.TB, name string, cookies ...string) *Authenticator {
	t.Helper()
	var secrets []Secret
	for _, text := range cookies {
		secrets = append(secrets, secret(t, text))
	}
	return nodeFunc(t, name, func(string) []Secret { return secrets })
}

func nodeFunc(t testing.TB, name string, cookies func(string) []Secret) *Authenticator {
	t.Helper()
	a, err := NewAuthenticator(Config{Name: name, Cookies: cookies})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func dialConfig(t testing.TB, a *Authenticator, peer string) *tls.Config {
	t.Helper()
	configs, err := a.DialConfigs(peer)
	if err != nil {
		t.Fatal(err)
	}
	return configs[0]
}

// result is how a handshake ended on each side.
type result struct {
	dialErr, listenErr error
	state              tls.ConnectionState // of the listening side
	attempt            Attempt
}

// connect runs TLS between the two configurations. The dialling side counts as
// done once it has read a byte that the listening side sends after its
// handshake.
func connect(dial, listen *tls.Config) *result {
	var r result
	near, far := bufferedPipe()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer far.Close()
		conn := tls.Server(far, listen)
		if r.listenErr = conn.HandshakeContext(WithAttempt(ctx, &r.attempt)); r.listenErr == nil {
			r.state = conn.ConnectionState()
			_, r.listenErr = conn.Write([]byte{1})
		}
	}()
	conn := tls.Client(near, dial)
	if r.dialErr = conn.HandshakeContext(ctx); r.dialErr == nil {
		_, r.dialErr = io.ReadFull(conn, make([]byte, 1))
	}
	near.Close()
	<-done
	return &r
}

func TestTLSSuccess(t *testing.T) {
	one, two := node(t, "one@a", "chocolate"), node(t, "two@b", "chocolate")
	r := connect(dialConfig(t, one, "two@b"), two.ListenConfig())
	if r.dialErr != nil || r.listenErr != nil {
		t.Fatal(r.dialErr, r.listenErr)
	}
	name, err := PeerName(r.state)
	if err != nil || name != "one@a" {
		t.Errorf("PeerName = %q, %v", name, err)
	}
	if r.attempt.Peer() != "one@a" || r.attempt.Err() != nil {
		t.Errorf("attempt: %q, %v", r.attempt.Peer(), r.attempt.Err())
	}
	if r.state.Version != tls.VersionTLS13 || r.state.DidResume {
		t.Errorf("TLS version %x, resumed %v", r.state.Version, r.state.DidResume)
	}
}

// COOK-02: neither side gets through, and the listener knows who tried although it
// is the dialler that finds out first.
func TestTLSWrongCookie(t *testing.T) {
	for name, tt := range map[string]struct {
		dial   *Authenticator
		expect string
		listen *Authenticator
	}{
		"wrong cookie":    {node(t, "one@a", "chocolate"), "two@b", node(t, "two@b", "vanilla")},
		"other direction": {node(t, "one@a", "vanilla"), "two@b", node(t, "two@b", "chocolate")},
		"other name":      {node(t, "one@a", "chocolate"), "three@b", node(t, "two@b", "chocolate")},
		"no cookie here":  {node(t, "one@a", "chocolate"), "two@b", node(t, "two@b")},
	} {
		t.Run(name, func(t *testing.T) {
			r := connect(dialConfig(t, tt.dial, tt.expect), tt.listen.ListenConfig())
			if !errors.Is(r.dialErr, ErrWrongCookie) || !IsAuthFailure(r.dialErr) {
				t.Errorf("dialling side: %v, want ErrWrongCookie", r.dialErr)
			}
			if r.listenErr == nil || !IsAuthFailure(r.listenErr) {
				t.Errorf("listening side: %v, want the alert of an authentication failure", r.listenErr)
			}
			if r.attempt.Peer() != "one@a" || r.attempt.Err() != nil {
				t.Errorf("attempt: %q, %v", r.attempt.Peer(), r.attempt.Err())
			}
		})
	}
}

// COOK-04: a cookie for one peer counts when dialling it and when it dials.
func TestTLSCookiePerPeer(t *testing.T) {
	special, usual := secret(t, "special"), secret(t, "usual")
	one := nodeFunc(t, "one@a", func(peer string) []Secret {
		if peer == "two@b" {
			return []Secret{special}
		}
		return []Secret{usual}
	})
	two, three := node(t, "two@b", "special"), node(t, "three@c", "usual")
	for _, pair := range []struct {
		dial, listen *Authenticator
		ok           bool
	}{{one, two, true}, {two, one, true}, {one, three, true}, {three, one, true}, {two, three, false}} {
		r := connect(dialConfig(t, pair.dial, pair.listen.name), pair.listen.ListenConfig())
		if ok := r.dialErr == nil && r.listenErr == nil; ok != pair.ok {
			t.Errorf("%s to %s: %v, %v", pair.dial.name, pair.listen.name, r.dialErr, r.listenErr)
		}
	}
}

// Some attempt succeeds exactly if the two nodes share a cookie.
func TestTLSSucceedsIffCookieShared(t *testing.T) {
	words := []string{"old", "new", "other"}
	rapid.Check(t, func(rt *rapid.T) {
		draw := rapid.SliceOfNDistinct(rapid.SampledFrom(words), 1, MaxCookies, rapid.ID[string])
		dial, listen := draw.Draw(rt, "dial"), draw.Draw(rt, "listen")
		want := slices.ContainsFunc(dial, func(s string) bool { return slices.Contains(listen, s) })
		one, two := node(t, "one@a", dial...), node(t, "two@b", listen...)
		configs, err := one.DialConfigs("two@b")
		if err != nil || len(configs) != len(dial) {
			rt.Fatal(len(configs), err)
		}
		got := false
		for i, config := range configs {
			r := connect(config, two.ListenConfig())
			ok := r.dialErr == nil && r.listenErr == nil
			if ok != slices.Contains(listen, dial[i]) {
				rt.Fatalf("cookie %d: %v, %v", i, r.dialErr, r.listenErr)
			}
			got = got || ok
		}
		if got != want {
			rt.Fatalf("success %v, want %v", got, want)
		}
	})
}

// COOK-06 has its counterpart here: a configuration serves for one handshake, so that
// nobody can make a node guess twice or reuse its share.
func TestTLSDialConfigServesOnce(t *testing.T) {
	one, two := node(t, "one@a", "chocolate"), node(t, "two@b", "chocolate")
	config := dialConfig(t, one, "two@b")
	if r := connect(config, two.ListenConfig()); r.dialErr != nil {
		t.Fatal(r.dialErr)
	}
	if r := connect(config, two.ListenConfig()); !errors.Is(r.dialErr, ErrUsed) {
		t.Errorf("second handshake: %v, want ErrUsed", r.dialErr)
	}
}

// withServerCert replaces the certificate that a listening side shows.
func withServerCert(t *testing.T, listen *tls.Config, replace func(tls.Certificate) tls.Certificate) *tls.Config {
	t.Helper()
	inner := listen.GetConfigForClient
	listen.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		config, err := inner(hello)
		if err == nil {
			config.Certificates = []tls.Certificate{replace(config.Certificates[0])}
		}
		return config, err
	}
	return listen
}

// proofOf takes the proof out of a certificate.
func proofOf(t *testing.T, certificate tls.Certificate) []byte {
	t.Helper()
	leaf, err := x509.ParseCertificate(certificate.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	proof, _, err := peerProof([]*x509.Certificate{leaf})
	if err != nil {
		t.Fatal(err)
	}
	return proof
}

func certWith(t *testing.T, proof []byte) tls.Certificate {
	t.Helper()
	_, private, err := newKey()
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := newCertificate(private, proof)
	if err != nil {
		t.Fatal(err)
	}
	return *certificate
}

// mutations are what an attacker can do to a certificate that he relays.
func mutations(t *testing.T) map[string]struct {
	replace func(tls.Certificate) tls.Certificate
	want    error
} {
	selfSigned := func(private any, public any) tls.Certificate {
		template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: notBefore, NotAfter: notAfter}
		der, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
		if err != nil {
			t.Fatal(err)
		}
		return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: private}
	}
	return map[string]struct {
		replace func(tls.Certificate) tls.Certificate
		want    error
	}{
		"proof under another key": {func(c tls.Certificate) tls.Certificate { return certWith(t, proofOf(t, c)) }, ErrWrongCookie},
		"tampered MAC": {func(c tls.Certificate) tls.Certificate {
			proof := slices.Clone(proofOf(t, c))
			proof[len(proof)-1] ^= 1
			changed, err := newCertificate(c.PrivateKey.(ed25519.PrivateKey), proof)
			if err != nil {
				t.Fatal(err)
			}
			return *changed
		}, ErrWrongCookie},
		"empty proof": {func(tls.Certificate) tls.Certificate { return certWith(t, nil) }, ErrMalformedProof},
		"no proof": {func(tls.Certificate) tls.Certificate {
			public, private, err := newKey()
			if err != nil {
				t.Fatal(err)
			}
			return selfSigned(private, public)
		}, ErrMalformedProof},
		"ECDSA key": {func(tls.Certificate) tls.Certificate {
			private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			return selfSigned(private, private.Public())
		}, ErrMalformedProof},
		"two certificates": {func(c tls.Certificate) tls.Certificate {
			c.Certificate = append(slices.Clone(c.Certificate), c.Certificate[0])
			return c
		}, ErrMalformedProof},
	}
}

func TestTLSTamperedServerCertificate(t *testing.T) {
	one, two := node(t, "one@a", "chocolate"), node(t, "two@b", "chocolate")
	for name, tt := range mutations(t) {
		t.Run(name, func(t *testing.T) {
			r := connect(dialConfig(t, one, "two@b"), withServerCert(t, two.ListenConfig(), tt.replace))
			if !errors.Is(r.dialErr, tt.want) || !IsAuthFailure(r.listenErr) {
				t.Errorf("dialling side: %v, want %v; listening side: %v", r.dialErr, tt.want, r.listenErr)
			}
		})
	}
}

func TestTLSTamperedClientCertificate(t *testing.T) {
	one, two := node(t, "one@a", "chocolate"), node(t, "two@b", "chocolate")
	for name, tt := range mutations(t) {
		t.Run(name, func(t *testing.T) {
			dial := dialConfig(t, one, "two@b")
			inner := dial.GetClientCertificate
			dial.GetClientCertificate = func(info *tls.CertificateRequestInfo) (*tls.Certificate, error) {
				certificate, err := inner(info)
				if err != nil {
					return nil, err
				}
				changed := tt.replace(*certificate)
				return &changed, nil
			}
			r := connect(dial, two.ListenConfig())
			if !errors.Is(r.listenErr, tt.want) || !errors.Is(r.attempt.Err(), tt.want) {
				t.Errorf("listening side: %v, attempt %v; want %v", r.listenErr, r.attempt.Err(), tt.want)
			}
			if !IsAuthFailure(r.dialErr) {
				t.Errorf("dialling side: %v, want the alert of an authentication failure", r.dialErr)
			}
		})
	}
}

func TestTLSNoClientCertificate(t *testing.T) {
	one, two := node(t, "one@a", "chocolate"), node(t, "two@b", "chocolate")
	dial := dialConfig(t, one, "two@b")
	dial.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		return &tls.Certificate{}, nil
	}
	if r := connect(dial, two.ListenConfig()); r.listenErr == nil || r.dialErr == nil {
		t.Errorf("accepted a dialler without certificate: %v, %v", r.dialErr, r.listenErr)
	}
}

func TestTLSBadClients(t *testing.T) {
	two := node(t, "two@b", "chocolate")
	good := exampleToken().String() // its share is no valid element
	for name, tt := range map[string]struct {
		change func(*tls.Config)
		peer   string
	}{
		"no ALPN":        {func(c *tls.Config) { c.NextProtos = nil }, ""},
		"other ALPN":     {func(c *tls.Config) { c.NextProtos = []string{"h3"} }, ""},
		"two protocols":  {func(c *tls.Config) { c.NextProtos = append(c.NextProtos, "h3") }, ""},
		"invalid share":  {func(c *tls.Config) { c.NextProtos = []string{good} }, "one@host"},
		"TLS 1.2":        {func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS12, tls.VersionTLS12 }, "one@a"},
		"another's name": {func(c *tls.Config) { c.NextProtos = []string{strings.Replace(c.NextProtos[0], "one@", "uno@", 1)} }, "uno@a"},
		"own name":       {func(c *tls.Config) { c.NextProtos = []string{strings.Replace(c.NextProtos[0], "one@a", "two@b", 1)} }, "two@b"},
	} {
		t.Run(name, func(t *testing.T) {
			dial := dialConfig(t, node(t, "one@a", "chocolate"), "two@b")
			tt.change(dial)
			r := connect(dial, two.ListenConfig())
			if r.dialErr == nil || r.listenErr == nil {
				t.Fatalf("accepted: %v, %v", r.dialErr, r.listenErr)
			}
			if r.attempt.Peer() != tt.peer {
				t.Errorf("attempt of %q, want %q", r.attempt.Peer(), tt.peer)
			}
		})
	}
}

// Somebody in the middle who ends TLS on both sides and passes on the token and
// the proofs gets nowhere: the proofs are about other keys.
func TestTLSManInTheMiddle(t *testing.T) {
	one, two := node(t, "one@a", "chocolate"), node(t, "two@b", "chocolate")
	dial := dialConfig(t, one, "two@b")
	var stolen []byte
	probe := &tls.Config{
		MinVersion: tls.VersionTLS13, NextProtos: dial.NextProtos, InsecureSkipVerify: true,
		VerifyConnection: func(state tls.ConnectionState) error {
			var err error
			stolen, _, err = peerProof(state.PeerCertificates)
			return errors.Join(err, errors.New("seen enough"))
		},
	}
	if r := connect(probe, two.ListenConfig()); r.attempt.Peer() != "one@a" || stolen == nil {
		t.Fatal("the middle did not get the listener's proof")
	}
	middle := &tls.Config{
		MinVersion: tls.VersionTLS13, NextProtos: dial.NextProtos,
		Certificates: []tls.Certificate{certWith(t, stolen)}, ClientAuth: tls.RequireAnyClientCert,
	}
	if r := connect(dial, middle); !errors.Is(r.dialErr, ErrWrongCookie) {
		t.Errorf("dialling side: %v, want ErrWrongCookie", r.dialErr)
	}
}

// A node that is led back to itself notices.
func TestTLSReflection(t *testing.T) {
	one := node(t, "one@a", "chocolate")
	r := connect(dialConfig(t, one, "two@b"), one.ListenConfig())
	if !errors.Is(r.listenErr, ErrReflected) || r.dialErr == nil {
		t.Errorf("%v, %v; want ErrReflected", r.dialErr, r.listenErr)
	}
	if _, err := one.DialConfigs("one@a"); !errors.Is(err, ErrReflected) {
		t.Errorf("dialling itself: %v, want ErrReflected", err)
	}
}

func TestNewAuthenticatorRefuses(t *testing.T) {
	some := func(string) []Secret { return nil }
	for name, tt := range map[string]struct {
		config Config
		want   error
	}{
		"bad name":     {Config{Name: "one", Cookies: some}, ErrInvalidName},
		"long name":    {Config{Name: "one@" + strings.Repeat("h", MaxNameLength), Cookies: some}, ErrNameTooLong},
		"no cookies":   {Config{Name: "one@a"}, ErrNoCookie},
		"zero Options": {Config{}, ErrInvalidName},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := NewAuthenticator(tt.config); !errors.Is(err, tt.want) {
				t.Errorf("error %v, want %v", err, tt.want)
			}
		})
	}
}

func TestDialConfigsRefuses(t *testing.T) {
	for name, tt := range map[string]struct {
		from *Authenticator
		peer string
		want error
	}{
		"none":     {node(t, "one@a"), "two@b", ErrNoCookie},
		"three":    {node(t, "one@a", "x", "y", "z"), "two@b", ErrTooMany},
		"zero":     {nodeFunc(t, "one@a", func(string) []Secret { return []Secret{{}} }), "two@b", ErrEmpty},
		"bad peer": {node(t, "one@a", "x"), "two", ErrInvalidName},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := tt.from.DialConfigs(tt.peer); !errors.Is(err, tt.want) {
				t.Errorf("error %v, want %v", err, tt.want)
			}
		})
	}
}

func TestPeerNameNeedsHandshake(t *testing.T) {
	token := exampleToken().String()
	if name, err := PeerName(tls.ConnectionState{NegotiatedProtocol: token}); err == nil {
		t.Errorf("PeerName before the end of the handshake = %q", name)
	}
	if _, err := PeerName(tls.ConnectionState{HandshakeComplete: true, NegotiatedProtocol: "h3"}); !errors.Is(err, ErrMalformedToken) {
		t.Errorf("PeerName of another protocol: %v", err)
	}
}

func FuzzPeerProof(f *testing.F) {
	_, private, err := newKey()
	if err != nil {
		f.Fatal(err)
	}
	for _, proof := range [][]byte{nil, {roleInitiator}, make([]byte, 1+answerSize)} {
		certificate, err := newCertificate(private, proof)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(certificate.Certificate[0])
	}
	f.Fuzz(func(t *testing.T, der []byte) {
		certificate, err := x509.ParseCertificate(der)
		if err != nil {
			return
		}
		proof, key, err := peerProof([]*x509.Certificate{certificate})
		if err != nil {
			if !errors.Is(err, ErrMalformedProof) || proof != nil || key != nil {
				t.Fatalf("peerProof = %x, %x, %v", proof, key, err)
			}
			return
		}
		if len(key) != ed25519.PublicKeySize {
			t.Fatalf("key of %d bytes", len(key))
		}
	})
}

func BenchmarkHandshake(b *testing.B) {
	one, two := node(b, "one@a", "chocolate"), node(b, "two@b", "chocolate")
	listen := two.ListenConfig()
	b.ReportAllocs()
	for b.Loop() {
		if r := connect(dialConfig(b, one, "two@b"), listen); r.dialErr != nil || r.listenErr != nil {
			b.Fatal(r.dialErr, r.listenErr)
		}
	}
}

// BenchmarkAnswer measures what a stranger's first message costs a listening node.
func BenchmarkAnswer(b *testing.B) {
	one, two := node(b, "one@a", "chocolate"), node(b, "two@b", "chocolate")
	protocols := dialConfig(b, one, "two@b").NextProtos
	b.ReportAllocs()
	for b.Loop() {
		if _, err := two.answer(protocols, nil); err != nil {
			b.Fatal(err)
		}
	}
}
