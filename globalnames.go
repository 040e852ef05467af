package wnode

import (
	"context"
	"errors"
	"fmt"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
	"github.com/wnode/wnode/registry"
)

// GlobalRegister gives a process of any node a name that all connected nodes know when it returns
// (GLOB-01, GLOB-11). [abi.ErrNameTaken] is global's "no".
func (n *Node) GlobalRegister(ctx context.Context, name string, pid abi.Pid) error {
	if pid.Node == n.id {
		return n.globals.registerOwn(ctx, name, pid)
	}
	return n.globals.call(ctx, pid.Node, nameMessage{Op: opRegister, Name: name, Pid: pid})
}

// GlobalUnregister frees a global name; one that is free already is no error (GLOB-04).
func (n *Node) GlobalUnregister(ctx context.Context, name string) error {
	pid, ok := n.GlobalWhereis(name)
	if !ok {
		return nil
	}
	if pid.Node == n.id {
		return n.globals.unregisterOwn(ctx, name, pid)
	}
	return n.globals.call(ctx, pid.Node, nameMessage{Op: opUnregister, Name: name, Pid: pid})
}

// GlobalWhereis finds the process with a global name, in this node's own table (GLOB-03).
func (n *Node) GlobalWhereis(name string) (abi.Pid, bool) {
	n.globals.mu.RLock()
	defer n.globals.mu.RUnlock()
	return n.globals.state.Whereis(name)
}

// GlobalNames lists the global names, sorted.
func (n *Node) GlobalNames() []string {
	n.globals.mu.RLock()
	defer n.globals.mu.RUnlock()
	return n.globals.state.Names()
}

// registerOwn gives a process of this node a global name. Of those who want one name at a time the
// arbiter lets one through; if the arbiter is lost, the next one decides.
func (g *globals) registerOwn(ctx context.Context, name string, pid abi.Pid) error {
	if pid.Node != g.node.id {
		return fmt.Errorf("register %.40q: %w", name, abi.ErrBadArgument)
	}
	var err error
	for range maxArbiters {
		arbiter := g.arbiter()
		err = g.reserveAt(ctx, arbiter, name, pid)
		if errors.Is(err, abi.ErrNotConnected) && ctx.Err() == nil {
			g.node.peers.awaitGone(ctx, arbiter)
			continue
		}
		if err != nil {
			return err
		}
		if err = g.announceName(ctx, name, pid); !errors.Is(err, abi.ErrNameTaken) {
			return err
		}
		g.cancelAt(arbiter, name)
		return fmt.Errorf("register %q: %w", name, abi.ErrNameTaken)
	}
	return err
}

// maxArbiters is how many arbiters one registration may lose on its way.
const maxArbiters = 8

func (g *globals) arbiter() abi.NodeID {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return g.state.Arbiter()
}

func (g *globals) reserveAt(ctx context.Context, arbiter abi.NodeID, name string, pid abi.Pid) error {
	if arbiter == g.node.id {
		return g.reserve(g.node.id, name, pid)
	}
	err := g.call(ctx, arbiter, nameMessage{Op: opReserve, Name: name, Pid: pid})
	if ctx.Err() != nil || errors.Is(err, abi.ErrTimedOut) { // it may have been granted all the same
		g.cancelAt(arbiter, name)
	}
	return err
}

func (g *globals) cancelAt(arbiter abi.NodeID, name string) {
	if arbiter != g.node.id {
		g.post(arbiter, nameMessage{Op: opCancel, Name: name})
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.state.Cancel(name, g.node.id)
}

// reserve is the arbiter's answer to a node that wants a name for a process of its own.
func (g *globals) reserve(from abi.NodeID, name string, pid abi.Pid) error {
	if pid.Node != from {
		return abi.ErrBadArgument
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.state.Reserve(name, pid)
}

// announceName enters a name that has been reserved, here and on all members. A process that has
// ended meanwhile loses it again (GLOB-08), and so does one whose name not all members took note of.
func (g *globals) announceName(ctx context.Context, name string, pid abi.Pid) error {
	g.mu.Lock()
	conflict, err := g.state.Commit(registry.Entry{Name: name, Pid: pid})
	if err == nil && len(conflict.Losers) > 0 { // the name came in from another node meanwhile
		g.state.Remove(name, pid)
		err = abi.ErrNameTaken
	}
	if err != nil {
		g.mu.Unlock()
		return err
	}
	await := g.announceLocked(nameMessage{Op: opCommit, Name: name, Pid: pid})
	g.mu.Unlock()
	err = await(ctx)
	if err != nil || !g.node.sys.Alive(pid) {
		g.release(pid)
	}
	return err
}

func (g *globals) unregisterOwn(ctx context.Context, name string, pid abi.Pid) error {
	if pid.Node != g.node.id {
		return fmt.Errorf("unregister %.40q: %w", name, abi.ErrBadArgument)
	}
	g.mu.Lock()
	if current, ok := g.state.Whereis(name); !ok || current != pid {
		g.mu.Unlock()
		return nil
	}
	g.state.Remove(name, pid)
	await := g.announceLocked(nameMessage{Op: opRemove, Name: name, Pid: pid})
	g.mu.Unlock()
	return await(ctx)
}

// release frees the global name of a process of this node that has ended, without waiting.
func (g *globals) release(pid abi.Pid) {
	g.mu.Lock()
	defer g.mu.Unlock()
	name := g.state.NameOf(pid)
	if name == "" {
		return
	}
	g.state.Remove(name, pid)
	g.tellLocked(nameMessage{Op: opRemove, Name: name, Pid: pid})
}

// commit enters a name that another node gave to a process of its own. If the name has two
// processes by that, the one that loses it is killed, by its own node (GLOB-12).
func (g *globals) commit(from abi.NodeID, e registry.Entry) {
	if e.Pid.Node != from {
		return
	}
	g.mu.Lock()
	conflict, err := g.state.Commit(e)
	g.mu.Unlock()
	if err != nil && g.node.mayLog(from) {
		g.node.log.Warn("global name of another node refused", "err", err)
	}
	for _, loser := range conflict.Losers {
		if loser.Node != g.node.id {
			continue
		}
		g.node.log.Info("global name conflict, terminating one process", "name", e.Name, "pid", loser.Text(0))
		g.node.sys.Deliver(abi.Signal{
			Kind: abi.SignalExit, From: abi.Pid{Node: g.node.id}, To: loser, Data: term.MustEncode(abi.ReasonKill),
		})
	}
}

func (g *globals) removed(from abi.NodeID, name string, pid abi.Pid) {
	if pid.Node != from {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.state.Remove(name, pid)
}
