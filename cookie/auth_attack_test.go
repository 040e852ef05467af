package cookie

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"math/big"
	"slices"
	"strings"
	"testing"
)

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
		"two tokens":     {func(c *tls.Config) { c.NextProtos = append(c.NextProtos, good) }, ""},
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
