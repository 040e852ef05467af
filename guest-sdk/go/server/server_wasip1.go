package server

import (
	"bytes"
	"errors"
	"time"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
	wnode "github.com/wnode/wnode/guest-sdk/go"
)

// node is the host of a loop in a guest.
type node struct{}

func (node) receive(timeout time.Duration) (wnode.Message, error) {
	return wnode.ReceiveMessage(timeout)
}
func (node) send(to wnode.Pid, t any) error { return wnode.Send(to, t) }
func (node) panicked(value any) any         { return wnode.Panicked(value) }

// Register makes a kind of server known under a name, for [Start] on this and other nodes; see
// wnode.StartFunc. Each process has a Server of its own, made by create.
func Register(name string, create func() Server) {
	wnode.StartFunc(name, func(s *wnode.Starting, args []any) error { return run(s, name, create(), args) })
}

// run is a server's process from its start to its end.
func run(s *wnode.Starting, name string, server Server, args []any) error {
	next, err := server.Init(args)
	switch {
	case errors.Is(err, wnode.ErrIgnored):
		return s.Ignore()
	case err != nil:
		return err
	case next.ends:
		return &wnode.ExitError{Reason: next.reason}
	}
	l := &loop{host: node{}, server: server}
	if s.Linked {
		l.parent = s.Parent
	}
	if err := s.Started(); err != nil {
		return err
	}
	reason := l.run(next)
	if !wnode.IsOrderly(reason) {
		_ = wnode.Log(wnode.LevelError, describe(name, l.last, reason))
	}
	return &wnode.ExitError{Reason: reason}
}

// Reply answers a call whose callback did not. Only one reply should be sent: a second one may stay in
// the caller's mailbox (GS-03). That the caller is gone is no error.
func (f From) Reply(value any) error { return wnode.Send(f.message(value)) }

// Options says how to start a server. The zero value starts one on this node, without a name, and
// waits for it without limit.
type Options struct {
	Name        wnode.Address // what it is registered as, on its node or globally
	Node        string        // where to start it; empty: here
	GroupLeader wnode.Pid     // zero: the caller's
	Timeout     time.Duration // how long Init may take; 0: for ever

	Limits   wnode.Limits       // what it may use; zero: what the caller may
	Deny     []wnode.Permission // what it may not do, beside what the caller may not
	Folders  []string           // paths of the caller's folders that it is to have, as in wnode.SpawnOptions; nil: all
	Overflow wnode.Overflow     // what a full mailbox leads to; empty: wnode.OverflowKill
	Priority wnode.Priority     // as far as the limits allow; 0: wnode.PriorityNormal
}

// Start starts a server that was registered with [Register] and waits until its Init has returned.
// Errors: those of wnode.Start; a *wnode.StartError says what went wrong (GS-07).
func Start(kind string, args []any, o Options) (wnode.Pid, error) { return start(kind, args, o, false) }

// StartLink is [Start] of a server that is linked with this process.
func StartLink(kind string, args []any, o Options) (wnode.Pid, error) {
	return start(kind, args, o, true)
}

func start(kind string, args []any, o Options, link bool) (wnode.Pid, error) {
	return wnode.Start(
		wnode.SpawnOptions{
			Func: kind, Args: args, Node: o.Node, GroupLeader: o.GroupLeader, Link: link,
			Limits: o.Limits, Deny: o.Deny, Folders: o.Folders, Overflow: o.Overflow, Priority: o.Priority,
		},
		wnode.StartOptions{Name: o.Name, Timeout: o.Timeout},
	)
}

// Call asks a server and waits for the reply for [DefaultTimeout]. Errors: those of wnode.Call. A
// process whose function returns the *wnode.CallError, or panics with it, ends as the BEAM's callers do
// (GS-02, GS-04).
func Call(to wnode.Address, request any) (any, error) { return wnode.Call(to, request, DefaultTimeout) }

// CallTimeout is [Call] with another timeout.
func CallTimeout(to wnode.Address, request any, timeout time.Duration) (any, error) {
	return wnode.Call(to, request, timeout)
}

// Cast sends a request that has no reply. That nobody gets it is no error (GS-06).
func Cast(to wnode.Address, request any) error { return wnode.Cast(to, request) }

// MultiCall calls the servers of a name on several nodes: see wnode.MultiCall.
func MultiCall(nodes []string, name string, request any, timeout time.Duration) ([]wnode.NodeReply, []string, error) {
	return wnode.MultiCall(nodes, name, request, timeout)
}

// Stop ends a server with a reason and waits until it has ended. Errors: a *wnode.CallError with
// "noproc" when there is none, "timeout", or the reason when it ended with another (GS-09).
func Stop(to wnode.Address, reason any, timeout time.Duration) error {
	started := time.Now()
	failed := func(why any) error {
		return &wnode.CallError{Why: why, To: to, Request: []any{"terminate", reason}, Timeout: timeout}
	}
	ref, err := wnode.MonitorTo(to)
	if errors.Is(err, abi.ErrNoName) {
		return failed(abi.ReasonNoProcess)
	}
	if err != nil {
		return err
	}
	defer func() { _, _ = wnode.Demonitor(ref, true) }()
	_, err = wnode.Ask(to, wnode.TagSystem, []any{"terminate", reason}, timeout)
	var unanswered *wnode.CallError // an end before the answer is an end all the same
	if err != nil && (!errors.As(err, &unanswered) || errors.Is(err, abi.ErrTimedOut)) {
		return err
	}
	if timeout != wnode.Infinity {
		timeout -= time.Since(started)
	}
	down, err := wnode.ReceiveDown(ref, timeout)
	switch {
	case errors.Is(err, abi.ErrTimedOut):
		return failed("timeout")
	case err != nil:
		return err
	case !same(down.Reason, reason):
		return failed(down.Reason)
	}
	return nil
}

// same compares terms. What is no term equals nothing.
func same(a, b any) bool {
	x, err := term.Encode(a)
	if err != nil {
		return false
	}
	y, err := term.Encode(b)
	return err == nil && bytes.Equal(x, y)
}
