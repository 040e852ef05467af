//go:build linux

package net

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/wnode/wnode/internal/badnet"
)

// prelude is what the shells of all nodes know. A numbered message is ["n", number, padding]; the others are
// told in words.
var prelude = strings.Join(strings.Fields(`
	Process.flag("trap_exit", true); Process.register(self(), "shell"); Node.monitor_nodes(true);
	var peer, words = [], numbers = [];
	function tell(m) {
		switch (m[0]) {
			case "n": numbers.push(m[1]); break;
			case "EXIT": words.push("EXIT:" + m[2]); break;
			case "DOWN": words.push("DOWN:" + m[4]); break;
			case "nodedown": words.push("nodedown:" + m[2].nodedown_reason); break;
			case "pid": peer = m[1]; break;
			case "nodeup": break;
			default: words.push(m[0]);
		}
	}
	function until(done) {
		while (!done()) {
			var m = receive(80000); if (m === undefined) { throw "nothing came" }
			tell(m);
		}
	}
	function connected() { until(function() { return Node.list().length > 0 }); return Node.list().length + "" }
	function rest() { for (var m; (m = receive(0)) !== undefined; ) { tell(m) } }
	function take() { rest(); var w = words.sort().join(","); words = []; return w; }
	function has(word) { return words.indexOf(word) >= 0; }
	function post(count, size) {
		for (var i = 0; i < count; i++) { send(peer, ["n", i, "x".repeat(size)]) } return "posted";
	}
	function inOrder(count) {
		until(function() { return numbers.length >= count || words.length > 0 }); rest();
		var right = numbers.every(function(v, i) { return v === i }); var got = numbers.length; numbers = [];
		return (right ? "in_order:" : "out_of_order:") + got;
	}
	"ready";
`), " ")

// pair is two nodes that are connected and whose shells are linked and monitor each other.
type pair struct {
	*network
	nodeOne, nodeTwo *node
}

// newPair starts the nodes, of which the first is to stay connected to the second.
func newPair(t *testing.T, flags ...string) *pair {
	t.Helper()
	n := newNetwork(t)
	return n.pair(n.two.start("two", flags...), flags...)
}

// pair starts the first node beside the second.
func (n *network) pair(two *node, flags ...string) *pair {
	n.t.Helper()
	p := &pair{network: n, nodeTwo: two}
	p.nodeOne = n.one.start("one", append(flags, "--connect", two.name)...)
	p.tie()
	return p
}

func (p *pair) nodes() []*node { return []*node{p.nodeOne, p.nodeTwo} }

// tie waits until the nodes are connected, and links and monitors their shells.
func (p *pair) tie() {
	p.t.Helper()
	for _, n := range p.nodes() {
		n.gives("connected()", "1")
	}
	for i, n := range p.nodes() {
		n.eval(fmt.Sprintf(`peer = undefined; send(["shell", %q], ["pid", self()]); 0`, p.nodes()[1-i].name))
	}
	for _, n := range p.nodes() {
		n.gives(`until(function() { return peer !== undefined }); typeof Process.monitor(peer)`, "object")
	}
	p.nodeOne.gives(`Process.link(peer); "linked"`, "linked")
	p.lives() // so the other end has the link, too
}

// exchange sends numbered messages both ways at a time, and wants all of them, in order and once, and no word else.
func (p *pair) exchange(count, size int) {
	p.t.Helper()
	var results []func() string
	for _, n := range p.nodes() {
		results = append(results, n.begin(fmt.Sprintf("post(%d, %d)", count, size)))
	}
	for _, n := range p.nodes() {
		results = append(results, n.begin(fmt.Sprintf("inOrder(%d)", count)))
	}
	for i, want := range []string{"posted", "posted", fmt.Sprintf("in_order:%d", count), fmt.Sprintf("in_order:%d", count)} {
		if got := strings.Trim(results[i](), `"`); got != want {
			p.t.Errorf("%s: %s, want %s", p.nodes()[i%2].name, got, want)
		}
	}
}

// lives wants the link to be the one that it was: nobody has been told of an end, and messages go both ways.
func (p *pair) lives() {
	p.t.Helper()
	p.exchange(3, 1)
	for _, n := range p.nodes() {
		n.gives("take()", "")
	}
}

// wantLost wants a node to be told that the link has ended: once by the link of its shell, once by the monitor, and once
// of the node.
func wantLost(n *node, reason string) {
	n.t.Helper()
	n.gives(`until(function() { return words.length >= 3 }); take()`, "DOWN:noconnection,EXIT:noconnection,nodedown:"+reason)
}

// Messages arrive in order and once over networks that lose, hold up and double packets, and the
// link stays (SIG-01).
func TestBadNetwork(t *testing.T) {
	const mbit = 1e6 / 8
	for name, test := range map[string]struct {
		badnet.Faults
		count, size int
		happen      []badnet.Fault
	}{
		"loss":        {badnet.Faults{Loss: 0.05}, 300, 1000, []badnet.Fault{badnet.Lost}},
		"delay":       {badnet.Faults{Delay: 200 * time.Millisecond}, 200, 1000, []badnet.Fault{badnet.Delayed}},
		"reordering":  {badnet.Faults{Reorder: 0.2, Late: 20 * time.Millisecond, Delay: 5 * time.Millisecond}, 300, 1000, []badnet.Fault{badnet.Reordered}},
		"duplication": {badnet.Faults{Duplicate: 0.3}, 300, 1000, []badnet.Fault{badnet.Doubled}},
		"narrow":      {badnet.Faults{Rate: mbit, Backlog: 50 * time.Millisecond}, 60, 4000, []badnet.Fault{badnet.Overflowed}},
		"all of it": {badnet.Faults{
			Loss: 0.03, Duplicate: 0.1, Reorder: 0.1, Late: 30 * time.Millisecond, Delay: 40 * time.Millisecond, Rate: 4 * mbit, Backlog: 100 * time.Millisecond,
		}, 100, 2000, []badnet.Fault{badnet.Lost, badnet.Doubled, badnet.Reordered, badnet.Delayed}},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPair(t)
			p.box.set(test.Faults)
			p.exchange(test.count, test.size)
			p.lives()
			for _, f := range test.happen {
				if p.box.count(f) == 0 {
					t.Errorf("no frame was %s", f)
				}
			}
		})
	}
}

// A node whose packets come from another address and another port from now on keeps its link.
func TestAddressChange(t *testing.T) {
	p := newPair(t)
	home := netip.MustParseAddrPort(addressOne + ":7369")
	for _, port := range []string{"7369", "40000"} {
		p.box.move(home, netip.MustParseAddrPort(addressMoved+":"+port))
		before := p.box.count(translated)
		p.exchange(50, 1000)
		if p.box.count(translated) == before {
			t.Errorf("no frame came from port %s", port)
		}
	}
	p.lives()
}

// DIST-21: a partition ends the link at both ends, and when it is over the node that is to stay connected is so again.
func TestPartition(t *testing.T) {
	for name, test := range map[string]struct{ there, back badnet.Faults }{
		"full":    {badnet.Faults{Cut: true}, badnet.Faults{Cut: true}},
		"one way": {badnet.Faults{Cut: true}, badnet.Faults{}},
		"other":   {badnet.Faults{}, badnet.Faults{Cut: true}},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPair(t, "--dead-after", "2s")
			p.box.setWays(test.there, test.back)
			for _, n := range p.nodes() {
				wantLost(n, "net_tick_timeout")
				n.gives("Node.list().length + ':' + take()", "0:")
			}
			p.box.set(badnet.Faults{})
			p.tie()
			p.exchange(20, 100)
			p.lives()
		})
	}
}

// DIST-10: when both nodes call each other at the end of a partition, one link comes of it.
func TestBothConnectAgain(t *testing.T) {
	n := newNetwork(t)
	flags := []string{"--dead-after", "2s"}
	p := n.pair(n.two.start("two", append(flags, "--connect", "one@"+addressOne)...), flags...)
	for range 2 {
		p.box.set(badnet.Faults{Cut: true})
		for _, n := range p.nodes() {
			wantLost(n, "net_tick_timeout")
		}
		p.box.set(badnet.Faults{})
		p.tie()
		p.exchange(20, 100)
		p.lives()
	}
}

// DIST-22: a program that stands still is given up, and finds itself so when it goes on.
func TestSuspended(t *testing.T) {
	p := newPair(t, "--dead-after", "2s")
	p.nodeTwo.Signal(syscall.SIGSTOP)
	wantLost(p.nodeOne, "net_tick_timeout")
	p.nodeTwo.Signal(syscall.SIGCONT)
	p.nodeTwo.gives(`until(function() { return words.length >= 3 }); take().replace(/nodedown:\w+/, "nodedown")`, "DOWN:noconnection,EXIT:noconnection,nodedown")
	p.nodeTwo.gives("connected()", "1")
	p.tie()
	p.lives()
}

// DIST-20: a program that is killed, or killed and started again, is missed long before the time for silent nodes.
func TestKilled(t *testing.T) {
	for name, again := range map[string]bool{"for good": false, "and started again": true} {
		t.Run(name, func(t *testing.T) {
			p := newPair(t, "--dead-after", "1h")
			p.nodeTwo.Stop(os.Kill)
			if again {
				p.nodeTwo = p.two.start("two", "--dead-after", "1h")
			}
			wantLost(p.nodeOne, "connection_closed")
			if again {
				p.tie()
				p.exchange(20, 100)
			}
		})
	}
}

// A node that is stopped in good order is missed at once, and its processes have ended before (MON-10).
func TestStopped(t *testing.T) {
	p := newPair(t, "--dead-after", "1h")
	p.nodeTwo.stop()
	p.nodeOne.gives(`until(function() { return words.length >= 3 }); take()`, "DOWN:normal,EXIT:normal,nodedown:connection_closed")
}

// spinner is a guest that computes for ever: (module (memory (export "memory") 1) (func (export "_start") (loop (br 0)))).
var spinner = []byte("\x00asm\x01\x00\x00\x00\x01\x04\x01\x60\x00\x00\x03\x02\x01\x00\x05\x03\x01\x00\x01" +
	"\x07\x13\x02\x06memory\x02\x00\x06_start\x00\x00\x0a\x09\x01\x07\x00\x03\x40\x0c\x00\x0b\x0b")

// Nodes whose processors are busy with guests are not taken for dead, idle as their link may be. The time
// leaves room for what else this machine does; with the machine for themselves a second is enough.
func TestBusy(t *testing.T) {
	p := newPair(t, "--dead-after", "4s")
	for _, h := range []*host{p.one, p.two} {
		if err := os.WriteFile(filepath.Join(h.home, "spin.wasm"), spinner, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, n := range p.nodes() {
		n.gives(`spin = wasm("spin.wasm"); spinners = [1,2,3,4,5,6,7,8].map(function() { return spawn(spin) }); spinners.length + ""`, "8")
	}
	p.nodeOne.gives(`var m = receive(8000); m === undefined ? "idle" : String(m)`, "idle")
	p.lives()
	for _, n := range p.nodes() {
		n.gives(`spinners.forEach(function(s) { Process.exit(s, "kill") }); "killed"`, "killed")
	}
}
