package wnode

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
	"github.com/wnode/wnode/registry"
	"github.com/wnode/wnode/vm"
)

// globalServer is the process number of every node's name server. It is the first process that a
// node starts, so no guest can have it, and a message from it is the word of its node.
const globalServer = 1

// commitTimeout bounds the wait for the other nodes to take note of a name. A node that is lost
// meanwhile ends the wait for it; this is for one that is linked and yet does not answer.
const commitTimeout = 10 * time.Second

// globals is this node's part of the global names: a native process that hears the other nodes,
// around the state machine that they all run. package registry says how they agree.
//
// What a node says of its own processes' names must reach the others in the order in which it
// happened, so such messages are posted, which never waits, under the lock that orders the changes.
type globals struct {
	node *Node
	pid  abi.Pid

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

// Operations between name servers.
const (
	opSync       = "sync"       // Entries, Members: first word to a new peer
	opReserve    = "reserve"    // call: may Pid have Name?
	opCancel     = "cancel"     // the reservation of Name
	opCommit     = "commit"     // Pid has Name. Answered by ack
	opRemove     = "remove"     // Pid no longer has Name. Answered by ack
	opAck        = "ack"        // of Ref
	opRegister   = "register"   // call, to the node of Pid
	opUnregister = "unregister" // call, to the node of Pid
)

// nameMessage is what name servers say to each other.
type nameMessage struct {
	Op      string           `cbor:"1,keyasint"`
	Name    string           `cbor:"2,keyasint,omitempty"`
	Pid     abi.Pid          `cbor:"3,keyasint"`
	Ref     abi.Ref          `cbor:"4,keyasint"`
	ReplyTo abi.Pid          `cbor:"5,keyasint"`
	Entries []registry.Entry `cbor:"6,keyasint,omitempty"`
	Members []memberAddr     `cbor:"7,keyasint,omitempty"`
}

func startGlobals(n *Node) (*globals, error) {
	g := &globals{node: n, state: registry.NewGlobal(n.id), waiting: map[abi.Ref]*acks{}}
	g.pid = abi.Pid{Node: n.id, Num: globalServer}
	pid, err := n.sys.Spawn(vm.SpawnOptions{Body: vm.Func(g.run), Label: "global_name_server", Overflow: vm.DropNewest})
	if err == nil && pid != g.pid {
		err = fmt.Errorf("the name server is process %d, not the first", pid.Num)
	}
	return g, err
}

func (g *globals) run(p *vm.Process) vm.Exit {
	for {
		m, err := p.Receive(p.Context(), vm.Infinity)
		if err != nil {
			return vm.Normal
		}
		var msg nameMessage
		if m.Kind != abi.MessageUser || m.From.Num != globalServer || term.DecodeInto(m.Data, &msg) != nil {
			continue // not from a name server
		}
		g.handle(m.From.Node, msg)
	}
}

func (g *globals) handle(from abi.NodeID, msg nameMessage) {
	switch msg.Op {
	case opSync:
		for _, e := range msg.Entries {
			g.commit(from, e)
		}
		g.node.peers.synced(from)
		g.node.peers.meet(from, msg.Members)
	case opReserve:
		g.reply(msg.ReplyTo, g.reserve(from, msg.Name, msg.Pid))
	case opCancel:
		g.mu.Lock()
		g.state.Cancel(msg.Name, from)
		g.mu.Unlock()
	case opCommit:
		g.commit(from, registry.Entry{Name: msg.Name, Pid: msg.Pid})
		g.post(from, nameMessage{Op: opAck, Ref: msg.Ref})
	case opRemove:
		g.removed(from, msg.Name, msg.Pid)
		g.post(from, nameMessage{Op: opAck, Ref: msg.Ref})
	case opAck:
		g.mu.Lock()
		g.ackLocked(msg.Ref, from)
		g.mu.Unlock()
	case opRegister:
		g.node.wg.Go(func() { g.reply(msg.ReplyTo, g.registerOwn(g.node.ctx, msg.Name, msg.Pid)) })
	case opUnregister:
		g.node.wg.Go(func() { g.reply(msg.ReplyTo, g.unregisterOwn(g.node.ctx, msg.Name, msg.Pid)) })
	}
}

// post sends a message to another node's name server, in order and without waiting.
func (g *globals) post(to abi.NodeID, msg nameMessage) {
	// A node that cannot be reached is about to be forgotten with its names.
	_ = g.node.peers.Post(abi.Signal{
		Kind: abi.SignalMessage, From: g.pid, To: abi.Pid{Node: to, Num: globalServer}, Data: term.MustEncode(msg),
	})
}

// reply answers a call with an error number, 0 for success.
func (g *globals) reply(to abi.Pid, err error) {
	var code abi.Errno
	if err != nil && !errors.As(err, &code) {
		code = abi.ErrTimedOut
	}
	_ = g.node.peers.Post(abi.Signal{Kind: abi.SignalMessage, From: g.pid, To: to, Data: term.MustEncode(int32(code))})
}

// call asks another node's name server.
func (g *globals) call(ctx context.Context, node abi.NodeID, msg nameMessage) error {
	answer, err := g.node.sys.Call(ctx, func(replyTo abi.Pid, _ abi.Ref) abi.Signal {
		msg.ReplyTo = replyTo
		return abi.Signal{
			Kind: abi.SignalMessage, From: g.pid, To: abi.Pid{Node: node, Num: globalServer}, Data: term.MustEncode(msg),
		}
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

// nodeUp makes a linked node a member, and tells it the names that this node vouches for and the
// nodes that it knows.
func (g *globals) nodeUp(id abi.NodeID) {
	members := g.node.peers.addresses()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.post(id, nameMessage{Op: opSync, Entries: g.state.NodeUp(id), Members: members})
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

// announceLocked tells all members of a change, and gives what their acknowledgements will close.
func (g *globals) announceLocked(msg nameMessage) <-chan struct{} {
	msg.Ref = g.node.sys.NewRef()
	w := &acks{missing: map[abi.NodeID]bool{}, done: make(chan struct{})}
	for _, id := range g.state.Members() {
		w.missing[id] = true
		g.post(id, msg)
	}
	if len(w.missing) == 0 {
		close(w.done)
	} else {
		g.waiting[msg.Ref] = w
	}
	return w.done
}

// await waits for acknowledgements.
func await(ctx context.Context, done <-chan struct{}) error {
	ctx, cancel := context.WithTimeoutCause(ctx, commitTimeout, abi.ErrTimedOut)
	defer cancel()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
