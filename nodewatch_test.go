package wnode

import (
	"context"
	"testing"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
	"github.com/wnode/wnode/internal/nodetest"
)

// MON-12, MON-13, MON-15: nodeup comes before any signal of the node and nodedown after all of them, the DOWNs of
// the lost connection too; the node is listed in between, and only then.
func TestNodesAreWatched(t *testing.T) {
	c := newCluster(t)
	one, two := c.start("one", "chocolate"), c.start("two", "chocolate")
	inbox, ready := make(chan Message, 100), make(chan *Process, 1)
	watcher, err := one.Spawn("watcher", abi.Pid{}, func(p *Process) Exit {
		if err := p.MonitorNodes(); err != nil {
			t.Error(err)
		}
		ready <- p
		for {
			m, err := p.Receive(p.Context(), Infinity)
			if err != nil {
				return Normal
			}
			if m.Kind == abi.MessageUser && m.From.Node == two.id {
				p.Monitor(m.From)
			}
			inbox <- m
			if len(one.Nodes()) > 0 != (m.Kind != abi.MessageDown && !isNodeDown(m)) {
				t.Errorf("%v is listed at a message of kind %d", one.Nodes(), m.Kind)
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	<-ready
	if err := one.Register("watcher", watcher); err != nil {
		t.Fatal(err)
	}
	_, err = two.Spawn("talker", abi.Pid{}, func(p *Process) Exit { // its message brings the connection about
		id, err := two.Resolve(p.Context(), one.Name())
		if err != nil {
			t.Error(err)
		}
		for range 3 {
			if err := p.SendNode(p.Context(), "watcher", id, term.MustEncode("hello")); err != nil {
				t.Error(err)
			}
		}
		<-p.Context().Done()
		return Normal
	})
	if err != nil {
		t.Fatal(err)
	}
	want := func(kinds ...abi.MessageKind) (last Message) {
		t.Helper()
		for _, kind := range kinds {
			last = <-inbox
			if last.Kind != kind {
				t.Errorf("a message of kind %d: %s, want %d", last.Kind, last.Data, kind)
			}
		}
		return last
	}
	want(abi.MessageNode, abi.MessageUser, abi.MessageUser, abi.MessageUser)
	if !two.Disconnect(context.Background(), one.Name()) {
		t.Error("not disconnected")
	}
	down := want(abi.MessageDown, abi.MessageDown, abi.MessageDown, abi.MessageNode)
	event, err := term.Decode(down.Data)
	if err != nil {
		t.Fatal(err)
	}
	if got := term.Format(event, nil); got != `["nodedown", "`+two.Name()+`", {nodedown_reason: "connection_closed"}]` {
		t.Errorf("news %s", got)
	}
}

// MON-15: no signal leaves for a node that has not been sent the word by which it lists this one.
func TestNothingLeavesBeforeTheFirstWord(t *testing.T) {
	c := newCluster(t)
	one, two := c.start("one", "chocolate"), c.start("two", "chocolate")
	two.globals.mu.Lock() // so two cannot say it
	connected := make(chan error, 1)
	go func() { connected <- one.Connect(t.Context(), two.Name()) }()
	nodetest.Eventually(t, "two has a link", func() bool {
		two.peers.mu.Lock()
		defer two.peers.mu.Unlock()
		p := two.peers.byName[one.Name()]
		return p != nil && p.state == peerSyncing
	})
	if two.peers.linkTo(one.id) != nil {
		t.Error("signals can leave")
	}
	two.globals.mu.Unlock()
	if err := <-connected; err != nil {
		t.Error(err)
	}
	if two.peers.linkTo(one.id) == nil {
		t.Error("no signals can leave")
	}
}

func isNodeDown(m Message) bool {
	t, err := term.Decode(m.Data)
	list, _ := t.([]any)
	return err == nil && m.Kind == abi.MessageNode && list[0] == "nodedown"
}
