package wnode

import (
	"context"
	"testing"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
	"github.com/wnode/wnode/internal/nodetest"
	"github.com/wnode/wnode/internal/wiredoc"
)

func TestPageOfTheProtocol(t *testing.T) {
	seen := map[string]bool{}
	wiredoc.Check(t, "service", func(e wiredoc.Example) ([]byte, error) {
		var msg serviceMessage
		if err := term.DecodeKnown(e.Bytes, &msg); err != nil {
			return nil, err
		}
		if msg.Name != nil {
			seen[msg.Name.Op] = true
		}
		seen["crash"] = seen["crash"] || msg.Crash != nil
		return term.Encode(msg)
	})
	for _, op := range append(wiredoc.Texts(t, "globals.go", "op"), "crash") {
		if !seen[op] {
			t.Errorf("docs/protocol.md has no example of %s", op)
		}
	}
}

// Whatever a connected node says of names and crashes, this one goes on, and enters names of that node's
// processes only.
func FuzzServiceMessage(f *testing.F) {
	for _, e := range wiredoc.Examples(f, "service") {
		f.Add(e.Bytes)
	}
	f.Add([]byte{0xa0})
	f.Add([]byte{0xff})
	const peer abi.NodeID = 0x1111111111111111
	n, err := Start(f.Context(), Options{Name: "one@127.0.0.1", Cookie: secret(f), Listen: "127.0.0.1:0", WellKnownPort: nodetest.FreePort(f)})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() {
		if err := n.Close(context.Background()); err != nil {
			f.Error(err)
		}
	})
	n.globals.state.NodeUp(peer)
	f.Fuzz(func(t *testing.T, data []byte) {
		n.serviceMessage(abi.Signal{Kind: abi.SignalNode, From: abi.Pid{Node: peer}, To: abi.Pid{Node: n.ID()}, Data: data})
		for _, name := range n.GlobalNames() {
			if pid, ok := n.GlobalWhereis(name); ok && pid.Node != peer {
				t.Fatalf("%q is %v", name, pid)
			}
		}
	})
}

func secret(t testing.TB) Cookie {
	t.Helper()
	s, err := RandomCookie()
	if err != nil {
		t.Fatal(err)
	}
	return s
}
