package cookie

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
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

// A node of a later version may offer its own handshake beside this one's.
func TestTLSOfferBeside(t *testing.T) {
	for name, offers := range map[string][]string{"before": {"wnode/2new", ""}, "after": {"", "wnode/2new"}} {
		t.Run(name, func(t *testing.T) {
			dial := dialConfig(t, node(t, "one@a", "chocolate"), "two@b")
			offers[slices.Index(offers, "")] = dial.NextProtos[0]
			dial.NextProtos = offers
			r := connect(dial, node(t, "two@b", "chocolate").ListenConfig())
			if r.dialErr != nil || r.listenErr != nil || r.attempt.Peer() != "one@a" {
				t.Error(r.dialErr, r.listenErr, r.attempt.Peer())
			}
		})
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

// A configuration serves for one handshake, so that a node neither answers two
// guesses with it nor uses its share twice.
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
