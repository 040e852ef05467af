package vm_test

import (
	"context"
	"runtime"
	"testing"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/vm"
)

// crossing is a way to other nodes on which something happens while a signal leaves.
type crossing struct {
	recorder
	leaving func(sig abi.Signal)
}

func (c *crossing) Send(_ context.Context, sig abi.Signal) error          { return c.Post(sig) }
func (c *crossing) SendConnected(_ context.Context, sig abi.Signal) error { return c.Post(sig) }

func (c *crossing) Post(sig abi.Signal) error {
	if c.leaving != nil {
		c.leaving(sig)
	}
	return c.recorder.Post(sig)
}

// kinds lists what left, in order.
func (c *crossing) kinds() (kinds []abi.SignalKind) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, sig := range c.sent {
		kinds = append(kinds, sig.Kind)
	}
	return kinds
}

// meanwhile runs f beside what is going on, and gives it all the time it wants unless it has to wait.
func meanwhile(f func()) (done chan struct{}) {
	done = make(chan struct{})
	go func() { defer close(done); f() }()
	for range 10_000 {
		select {
		case <-done:
			return done
		default:
			runtime.Gosched()
		}
	}
	return done
}

func wantLinks(t *testing.T, sys *vm.System, a *actor, want int) {
	t.Helper()
	if info, _ := sys.Info(a.pid); len(info.Links) != want {
		t.Errorf("links %v, want %d", info.Links, want)
	}
}

// LINK-12: what a process does while it acknowledges an unlink comes after the acknowledgement, on
// this side and on the other.
func TestLinkDuringAcknowledgement(t *testing.T) {
	far := abi.Pid{Node: 2, Num: 999}
	way := &crossing{}
	sys := newSystem(t, vm.Options{Remote: way})
	a := newActor(t, sys, vm.SpawnOptions{})
	a.link(far)
	var done chan struct{}
	way.leaving = func(sig abi.Signal) {
		if sig.Kind == abi.SignalUnlinkAck {
			done = meanwhile(func() { a.unlink(far); a.link(far) })
		}
	}
	sys.Deliver(abi.Signal{Kind: abi.SignalUnlink, From: far, To: a.pid, Ref: abi.Ref{Node: 2, Num: 5}})
	<-done
	wantLinks(t, sys, a, 1)
	if kinds := way.kinds(); kinds[len(kinds)-1] != abi.SignalLink {
		t.Errorf("left: %v", kinds)
	}
}

// A link that is refused for want of room is refused before the process can set it up itself.
func TestLinkDuringRefusal(t *testing.T) {
	far := abi.Pid{Node: 2, Num: 999}
	way := &crossing{}
	sys := newSystem(t, vm.Options{Remote: way, MaxMonitors: 2})
	a, b := newActor(t, sys, vm.SpawnOptions{}), newActor(t, sys, vm.SpawnOptions{})
	a.link(b.pid)
	var done chan struct{}
	way.leaving = func(sig abi.Signal) {
		if sig.Kind == abi.SignalLinkExit {
			done = meanwhile(func() { a.unlink(b.pid); a.link(far) })
		}
	}
	sys.Deliver(abi.Signal{Kind: abi.SignalLink, From: far, To: a.pid})
	<-done
	wantLinks(t, sys, a, 1)
	if kinds := way.kinds(); len(kinds) != 2 || kinds[1] != abi.SignalLink {
		t.Errorf("left: %v", kinds)
	}
	way.leaving = nil
}

// LINK-12: a link that ended before its signal had left is undone there by an unlink that counts as
// one: a link of the other side's that crosses it is undone too.
func TestLinkEndedBeforeItLeft(t *testing.T) {
	far := abi.Pid{Node: 2, Num: 999}
	way := &crossing{}
	sys := newSystem(t, vm.Options{Remote: way})
	a := newActor(t, sys, vm.SpawnOptions{})
	link := abi.Signal{Kind: abi.SignalLink, From: far, To: a.pid}
	way.leaving = func(sig abi.Signal) {
		if sig.Kind == abi.SignalLink {
			sys.Deliver(abi.Signal{Kind: abi.SignalUnlink, From: far, To: a.pid, Ref: abi.Ref{Node: 2, Num: 5}})
		}
	}
	a.link(far)
	sys.Deliver(link)
	wantLinks(t, sys, a, 0)
	sys.Deliver(abi.Signal{Kind: abi.SignalUnlinkAck, From: far, To: a.pid, Ref: way.lastUnlink()})
	sys.Deliver(link)
	wantLinks(t, sys, a, 1)
}

// LINK-09: a lost connection takes along what was still to be acknowledged over it.
func TestConnectionLostBeforeAcknowledgement(t *testing.T) {
	far := abi.Pid{Node: 2, Num: 999}
	sys := newSystem(t, vm.Options{Remote: &recorder{}})
	a := newActor(t, sys, vm.SpawnOptions{})
	a.trapExits()
	a.link(far)
	a.unlink(far)
	a.link(far)
	sys.NodeDown(2)
	wantMessages(t, a.drain(), exitMessage(far, "noconnection"))
	sys.Deliver(abi.Signal{Kind: abi.SignalLink, From: far, To: a.pid})
	wantLinks(t, sys, a, 1)
}
