package wnode

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
	"github.com/wnode/wnode/registry"
)

// commitTimeout bounds the wait for the other nodes to take note of a name, and for a node to decide
// about one. A node that is lost meanwhile ends the wait for it; this is for one that is linked and
// yet does not answer.
const commitTimeout = 10 * time.Second

// maxRequests bounds the requests of other nodes that wait for an answer of this one.
const maxRequests = 256

// globals is this node's part of the global names: what the nodes say to each other about them,
// around the state machine that they all run. package registry says how they agree.
//
// What a node says of its own processes' names must reach the others in the order in which it
// happened, so such messages are posted, which never waits, under the lock that orders the changes.
type globals struct {
	node     *Node
	requests chan struct{} // one token for each request that is being served

	mu      sync.RWMutex
	state   *registry.Global
	waiting map[abi.Ref]*acks
}

// acks is a wait for the members of one moment.
type acks struct {
	missing map[abi.NodeID]bool
	done    chan struct{}
}

// memberAddr is a node of the cluster as another one knows it.
type memberAddr struct {
	_    struct{} `cbor:",toarray"`
	Name string
	Addr string
}

// Operations on names between nodes.
const (
	opSync       = "sync"       // Entries, Members: first word to a new peer. Answered by synced
	opSynced     = "synced"     // the peer's names are known here, and it is listed
	opReserve    = "reserve"    // call: may Pid have Name?
	opCancel     = "cancel"     // the reservation of Name
	opCommit     = "commit"     // Pid has Name. Answered by ack, if it has a Ref
	opRemove     = "remove"     // Pid no longer has Name. Answered by ack, if it has a Ref
	opAck        = "ack"        // of Ref
	opRegister   = "register"   // call, to the node of Pid
	opUnregister = "unregister" // call, to the node of Pid
)

// nameMessage is what nodes say to each other about names.
type nameMessage struct {
	Op      string           `cbor:"1,keyasint"`
	Name    string           `cbor:"2,keyasint,omitempty"`
	Pid     abi.Pid          `cbor:"3,keyasint"`
	Ref     abi.Ref          `cbor:"4,keyasint"`
	ReplyTo abi.Pid          `cbor:"5,keyasint"`
	Entries []registry.Entry `cbor:"6,keyasint,omitempty"`
	Members []memberAddr     `cbor:"7,keyasint,omitempty"`
}

func newGlobals(n *Node) *globals {
	return &globals{
		node: n, requests: make(chan struct{}, maxRequests),
		state: registry.NewGlobal(n.id), waiting: map[abi.Ref]*acks{},
	}
}

// handle takes a message of another node. It runs on the goroutine of the link, in the order of the
// messages, and does not wait.
func (g *globals) handle(from abi.NodeID, msg nameMessage) {
	if !msg.ReplyTo.IsZero() && msg.ReplyTo.Node != from {
		return // what is answered to another node would be this node's word there
	}
	switch msg.Op {
	case opSync:
		g.sync(from, msg)
	case opSynced:
		g.node.peers.acknowledged(from)
	case opReserve:
		g.reply(msg.ReplyTo, g.reserve(from, msg.Name, msg.Pid))
	case opCancel:
		g.mu.Lock()
		defer g.mu.Unlock()
		g.state.Cancel(msg.Name, from)
	case opCommit:
		g.commit(from, registry.Entry{Name: msg.Name, Pid: msg.Pid})
		g.acknowledge(from, msg.Ref)
	case opRemove:
		g.removed(from, msg.Name, msg.Pid)
		g.acknowledge(from, msg.Ref)
	case opAck:
		g.mu.Lock()
		defer g.mu.Unlock()
		g.ackLocked(msg.Ref, from)
	case opRegister:
		g.serve(msg, g.registerOwn)
	case opUnregister:
		g.serve(msg, g.unregisterOwn)
	default: // of a later version: who waits for an answer gets one
		if !msg.ReplyTo.IsZero() {
			g.reply(msg.ReplyTo, abi.ErrNotSupported)
		}
	}
}

// sync takes the first word of a peer; there is one.
func (g *globals) sync(from abi.NodeID, msg nameMessage) {
	p := g.node.peers.awaitsSync(from)
	if p == nil {
		return
	}
	for _, e := range msg.Entries {
		g.commit(from, e)
	}
	g.node.peers.synced(p)
	g.post(from, nameMessage{Op: opSynced})
	g.node.peers.meet(p, msg.Members)
}

// serve does for another node what has to wait for third ones.
func (g *globals) serve(msg nameMessage, do func(context.Context, string, abi.Pid) error) {
	select {
	case g.requests <- struct{}{}:
	default:
		g.reply(msg.ReplyTo, abi.ErrLimit)
		return
	}
	g.node.wg.Go(func() {
		defer func() { <-g.requests }()
		ctx, cancel := context.WithTimeoutCause(g.node.ctx, commitTimeout, abi.ErrTimedOut)
		defer cancel()
		g.reply(msg.ReplyTo, do(ctx, msg.Name, msg.Pid))
	})
}

func (g *globals) acknowledge(to abi.NodeID, ref abi.Ref) {
	if ref != (abi.Ref{}) {
		g.post(to, nameMessage{Op: opAck, Ref: ref})
	}
}

// post sends a message to another node, in order and without waiting.
func (g *globals) post(to abi.NodeID, msg nameMessage) {
	// A node that cannot be reached is about to be forgotten with its names.
	_ = g.node.postService(to, serviceMessage{Name: &msg})
}

// reply answers a call with an error number, 0 for success.
func (g *globals) reply(to abi.Pid, err error) {
	var code abi.Errno
	if err != nil && !errors.As(err, &code) {
		code = abi.ErrTimedOut
	}
	_ = g.node.peers.Post(abi.Signal{
		Kind: abi.SignalMessage, From: abi.Pid{Node: g.node.id}, To: to, Data: term.MustEncode(int32(code)),
	})
}

// callTimeout bounds the wait for the answer of a node that is linked: longer than that one waits for others.
const callTimeout = commitTimeout + 5*time.Second

// call asks another node, and waits for its answer.
func (g *globals) call(ctx context.Context, node abi.NodeID, msg nameMessage) error {
	ctx, cancel := context.WithTimeoutCause(ctx, callTimeout, abi.ErrTimedOut)
	defer cancel()
	answer, err := g.node.sys.Call(ctx, func(replyTo abi.Pid, _ abi.Ref) abi.Signal {
		msg.ReplyTo = replyTo
		return g.node.serviceSignal(node, serviceMessage{Name: &msg})
	})
	if err != nil {
		return err
	}
	var code int32
	if err := term.DecodeInto(answer.Data, &code); err != nil {
		return err
	}
	if code != 0 {
		return abi.Errno(code)
	}
	return nil
}

// nodeDown forgets a node with its names (GLOB-07).
func (g *globals) nodeDown(id abi.NodeID) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.state.NodeDown(id)
	for ref := range g.waiting {
		g.ackLocked(ref, id)
	}
}

func (g *globals) ackLocked(ref abi.Ref, from abi.NodeID) {
	w := g.waiting[ref]
	if w == nil {
		return
	}
	delete(w.missing, from)
	if len(w.missing) == 0 {
		delete(g.waiting, ref)
		close(w.done)
	}
}

// tellLocked tells all members of a change.
func (g *globals) tellLocked(msg nameMessage) (told []abi.NodeID) {
	told = g.state.Members()
	for _, id := range told {
		g.post(id, msg)
	}
	return told
}

// announceLocked tells all members of a change, and gives the wait for their acknowledgements, to be
// called without the lock.
func (g *globals) announceLocked(msg nameMessage) (await func(context.Context) error) {
	msg.Ref = g.node.sys.NewRef()
	w := &acks{missing: map[abi.NodeID]bool{}, done: make(chan struct{})}
	for _, id := range g.tellLocked(msg) {
		w.missing[id] = true
	}
	if len(w.missing) == 0 {
		return func(context.Context) error { return nil }
	}
	g.waiting[msg.Ref] = w
	return func(ctx context.Context) error { return g.await(ctx, msg.Ref, w) }
}

func (g *globals) await(ctx context.Context, ref abi.Ref, w *acks) error {
	ctx, cancel := context.WithTimeoutCause(ctx, commitTimeout, abi.ErrTimedOut)
	defer cancel()
	select {
	case <-w.done:
		return nil
	case <-ctx.Done():
		g.mu.Lock()
		defer g.mu.Unlock()
		delete(g.waiting, ref)
		return context.Cause(ctx)
	}
}
