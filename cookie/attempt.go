package cookie

import (
	"context"
	"sync"
)

// An Attempt records what the listening side learns of a handshake, for its
// log: it remains readable when the handshake fails, whichever side ends it.
// The zero Attempt is ready for use and serves for one handshake. It is safe
// for concurrent use.
type Attempt struct {
	mu   sync.Mutex
	peer string
	err  error
}

// Peer returns the name that the dialling node claims, or "" if it has sent no
// valid token so far. The name is proven only once the handshake has completed.
// It consists of the characters that CheckName allows and can be logged as it is.
func (a *Attempt) Peer() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.peer
}

// Err returns why this side refused the handshake, or nil if it did not: the
// dialling node may still have ended it.
func (a *Attempt) Err() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.err
}

func (a *Attempt) setPeer(name string) {
	if a == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.peer = name
}

// fail keeps err and returns it.
func (a *Attempt) fail(err error) error {
	if a == nil || err == nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.err = err
	return err
}

type attemptKey struct{}

// WithAttempt returns a context for one handshake on the listening side that
// records it in a. The context must reach crypto/tls: through
// quic.Transport.ConnContext or tls.Conn.HandshakeContext.
func WithAttempt(ctx context.Context, a *Attempt) context.Context {
	return context.WithValue(ctx, attemptKey{}, a)
}

func attemptFrom(ctx context.Context) *Attempt {
	a, _ := ctx.Value(attemptKey{}).(*Attempt)
	return a
}
