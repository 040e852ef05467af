package cookie

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"strings"
)

// Config describes a node to an Authenticator.
type Config struct {
	// Name is the node's name. It must satisfy CheckName.
	Name string
	// Cookies returns the cookies for a peer of that name, at most MaxCookies,
	// the preferred one first. It is asked at every handshake, possibly by
	// several goroutines at a time; it must be quick and return
	// slices that nobody modifies. For a peer with which this node wants no contact it returns none:
	// such a peer cannot tell that from a wrong cookie. Required.
	Cookies func(peer string) []Secret
}

// An Authenticator makes the TLS configurations in which a node proves its
// cookie. It is immutable and safe for concurrent use.
type Authenticator struct {
	name    string
	cookies func(peer string) []Secret
}

// NewAuthenticator checks the configuration, so that a name that would not fit
// into the handshake is refused when a node starts.
//
// Errors: ErrInvalidName, ErrNameTooLong, ErrNoCookie (no function Cookies).
func NewAuthenticator(c Config) (*Authenticator, error) {
	if err := CheckName(c.Name); err != nil {
		return nil, err
	}
	if c.Cookies == nil {
		return nil, fmt.Errorf("%w: Config.Cookies is nil", ErrNoCookie)
	}
	return &Authenticator{name: c.Name, cookies: c.Cookies}, nil
}

// DialConfigs returns the configurations to dial the node peer with, one for each
// cookie for it, in order. Each is for one handshake. Try the next one, with a new
// connection, if IsAuthFailure says so of the one before.
//
// When a handshake has completed, the node there is peer and knows the cookie. That it
// accepted this node's proof in turn is certain as soon as it sends anything.
// An error of this package that refuses the peer can be found with errors.Is in
// the error of the handshake.
//
// Errors: ErrNoCookie, ErrTooMany, and those of NewInitiator.
func (a *Authenticator) DialConfigs(peer string) ([]*tls.Config, error) {
	cookies := a.cookies(peer)
	switch {
	case len(cookies) == 0:
		return nil, fmt.Errorf("%w: %s", ErrNoCookie, peer)
	case len(cookies) > MaxCookies:
		return nil, ErrTooMany
	}
	var configs []*tls.Config
	for _, cookie := range cookies {
		config, err := a.dialConfig(peer, cookie)
		if err != nil {
			return nil, err
		}
		configs = append(configs, config)
	}
	return configs, nil
}

// dialConfig relies on the order of a TLS 1.3 client's callbacks: it verifies
// the server's certificate before it asks for its own.
func (a *Authenticator) dialConfig(peer string, cookie Secret) (*tls.Config, error) {
	public, private, err := newKey()
	if err != nil {
		return nil, err
	}
	initiator, err := NewInitiator(cookie, a.name, peer, public)
	if err != nil {
		return nil, err
	}
	token := initiator.Token().String()
	config := baseConfig()
	config.NextProtos = []string{token}
	// The proof replaces the verification of chains and host names.
	config.InsecureSkipVerify = true
	var mine []byte
	config.VerifyConnection = func(state tls.ConnectionState) error {
		proof, key, err := checkState(state, token)
		if err != nil {
			return err
		}
		mine, err = initiator.Finish(proof, key)
		return err
	}
	config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		if mine == nil {
			return nil, ErrWrongCookie
		}
		return newCertificate(private, mine)
	}
	return config, nil
}

// ListenConfig returns the configuration to listen with. Every connection
// gets one of its own from its GetConfigForClient, which records the handshake
// in the Attempt of the connection's context, if there is one. When a handshake has
// completed, PeerName tells who is there.
func (a *Authenticator) ListenConfig() *tls.Config {
	config := baseConfig()
	config.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		attempt := attemptFrom(hello.Context())
		config, err := a.answer(hello.SupportedProtos, attempt)
		return config, attempt.fail(err)
	}
	return config
}

// chooseToken finds the one offer of this version of the handshake. Nodes of later versions may offer
// theirs beside it.
func chooseToken(protocols []string) (string, error) {
	chosen := ""
	for _, protocol := range protocols {
		if !strings.HasPrefix(protocol, ALPNPrefix) {
			continue
		}
		if chosen != "" { // each would be a guess
			return "", fmt.Errorf("%w: several of one version", ErrMalformedToken)
		}
		chosen = protocol
	}
	if chosen == "" {
		return "", fmt.Errorf("%w: none of %d protocols is %s", ErrMalformedToken, len(protocols), ALPNPrefix)
	}
	return chosen, nil
}

// answer makes the configuration for a connection that offers these protocols.
func (a *Authenticator) answer(protocols []string, attempt *Attempt) (*tls.Config, error) {
	protocol, err := chooseToken(protocols)
	if err != nil {
		return nil, err
	}
	token, err := ParseToken(protocol)
	if err != nil {
		return nil, err
	}
	attempt.setPeer(token.Name)
	public, private, err := newKey()
	if err != nil {
		return nil, err
	}
	responder, err := a.respond(token, public)
	if err != nil {
		return nil, err
	}
	certificate, err := newCertificate(private, responder.Proof())
	if err != nil {
		return nil, err
	}
	config := baseConfig()
	config.NextProtos = []string{protocol}
	config.Certificates = []tls.Certificate{*certificate}
	config.ClientAuth = tls.RequireAnyClientCert
	config.VerifyConnection = func(state tls.ConnectionState) error {
		proof, key, err := checkState(state, protocol)
		if err == nil {
			err = responder.Verify(proof, key)
		}
		return attempt.fail(err)
	}
	return config, nil
}

// respond runs the handshake with a random cookie if there is none for the peer,
// so that nobody can find out which names have one.
func (a *Authenticator) respond(token Token, key ed25519.PublicKey) (*Responder, error) {
	cookies := a.cookies(token.Name)
	if len(cookies) == 0 {
		unknown, err := RandomSecret()
		if err != nil {
			return nil, err
		}
		cookies = []Secret{unknown}
	}
	return NewResponder(cookies, a.name, token, key)
}

// PeerName returns the name of the node that dialled, from the state of a
// connection whose handshake has completed on the listening side.
//
// Errors: ErrMalformedToken if the connection was not made with this handshake.
func PeerName(state tls.ConnectionState) (string, error) {
	if !state.HandshakeComplete {
		return "", errors.New("cookie: the handshake has not completed")
	}
	token, err := ParseToken(state.NegotiatedProtocol)
	if err != nil {
		return "", err
	}
	return token.Name, nil
}

// baseConfig is common to both sides. Without session tickets every connection
// runs the whole handshake, and there is no early data.
func baseConfig() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS13, SessionTicketsDisabled: true}
}

// checkState makes sure that TLS negotiated what the proof is about.
func checkState(state tls.ConnectionState, token string) ([]byte, ed25519.PublicKey, error) {
	if state.Version != tls.VersionTLS13 || state.DidResume {
		return nil, nil, fmt.Errorf("%w: not a full TLS 1.3 handshake", ErrMalformedProof)
	}
	if state.NegotiatedProtocol != token {
		return nil, nil, fmt.Errorf("%w: not the one that was offered", ErrMalformedToken)
	}
	return peerProof(state.PeerCertificates)
}

func newKey() (ed25519.PublicKey, ed25519.PrivateKey, error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("cookie: making a key: %w", err)
	}
	return public, private, nil
}
