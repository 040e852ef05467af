package names

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"
)

const (
	// retryEvery is how often a node repeats its first registration.
	retryEvery = 200 * time.Millisecond
	// pendingEvery is how often it asks whether a name's owner has been found dead.
	pendingEvery = 100 * time.Millisecond
	// rebindPause keeps a node that neither reaches nor becomes the holder from spinning.
	rebindPause = 20 * time.Millisecond
	// farewellTime bounds what Close waits for the holder; within it the request is sent twice.
	farewellTime = 100 * time.Millisecond
)

var errSilent = errors.New("the holder of the well-known port does not answer")

func newTxid() (tx txid) {
	rand.Read(tx[:])
	return tx
}

// session is the registration of a node with one holder.
type session struct {
	*Service
	sock       socket
	registered bool
	full       bool // the holder said that it has no room, and it has been logged
}

// register keeps the node's name registered until ctx is done or Start has failed, for which it
// returns nil, or until the holder is gone or silent.
func (s *Service) register(ctx context.Context) error {
	sock, err := s.net.connect(reachable(s.opts.WellKnown))
	if err != nil {
		return fmt.Errorf("reach the holder of the well-known port: %w", err)
	}
	defer func() { _ = sock.Close() }()
	r := &session{Service: s, sock: sock}
	for ctx.Err() == nil {
		if over, err := r.round(ctx); over || err != nil {
			return err
		}
	}
	r.farewell()
	return nil
}

// round sends one registration and listens to the holder until the next is due. An error means that
// the holder is gone or silent; over, that Start has failed and so the service ends.
func (r *session) round(ctx context.Context) (over bool, err error) {
	now := time.Now()
	next := now.Add(renewEvery)
	if !r.settled {
		next = now.Add(retryEvery)
	}
	req := request{kind: kindRegister, tx: newTxid(), name: r.opts.Node.Name, port: r.opts.Port, age: now.Sub(r.born)}
	if err := r.write(req); err != nil {
		return false, err
	}
	for answered := false; ; {
		rep, err := r.read(ctx, req.tx, next)
		switch {
		case ctx.Err() != nil:
			return false, nil
		case errors.Is(err, context.DeadlineExceeded) && answered:
			return false, nil
		case errors.Is(err, context.DeadlineExceeded):
			return false, errSilent
		case err != nil:
			return false, err
		case rep.kind == kindRenew:
			return false, nil
		}
		answered, r.heard = true, time.Now()
		if over := r.take(rep.status); over {
			return true, nil
		}
		next = now.Add(renewEvery)
		if rep.status == statusPending {
			next = now.Add(pendingEvery)
		}
	}
}

// take acts on the holder's answer to a registration.
func (r *session) take(st status) (over bool) {
	name := r.opts.Node.WithoutPort()
	first := !r.settled
	switch {
	case st == statusOK && !r.registered:
		r.registered = true
		r.settle(nil)
		r.opts.Logger.Info("registered with the holder of the well-known port", "addr", r.opts.WellKnown)
	case st == statusInUse && first:
		r.settle(fmt.Errorf("the name %s %w", name, ErrNameInUse))
		return true
	case st == statusInUse:
		r.dispute()
	case st == statusFull && first:
		r.settle(fmt.Errorf("register the name %s: the holder of port %d knows %d nodes already, which is its limit",
			name, r.opts.WellKnown.Port(), maxNames))
		return true
	case st == statusFull && !r.full:
		r.full = true
		r.opts.Logger.Warn("the holder of the well-known port knows too many names: "+
			"other nodes find this one only as name@host:port", "addr", r.opts.WellKnown)
	}
	return false
}

func (r *session) write(req request) error {
	if _, err := r.sock.WriteTo(req.append(nil), nil); err != nil {
		return fmt.Errorf("write to the holder of the well-known port: %w", err)
	}
	return nil
}

// read gives the holder's next packet that belongs to the given transaction.
func (r *session) read(ctx context.Context, tx txid, deadline time.Time) (reply, error) {
	var buf [headerSize + 1]byte
	for {
		n, _, err := readUntil(ctx, r.sock, buf[:], deadline)
		if err != nil {
			return reply{}, fmt.Errorf("read from the holder of the well-known port: %w", err)
		}
		if rep, err := decodeReply(buf[:n]); err == nil && rep.tx == tx {
			return rep, nil
		}
	}
}

// farewell frees the name, so that it is free at once and not when the lease ends.
func (r *session) farewell() {
	req := request{kind: kindUnregister, tx: newTxid(), name: r.opts.Node.Name, port: r.opts.Port}
	for range 2 {
		if r.write(req) != nil {
			return
		}
		_, err := r.read(context.Background(), req.tx, time.Now().Add(farewellTime/2))
		if !errors.Is(err, context.DeadlineExceeded) {
			return
		}
	}
}
