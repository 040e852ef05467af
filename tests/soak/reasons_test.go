//go:build linux

package soak

import (
	"testing"

	"github.com/wnode/wnode"
	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
	"github.com/wnode/wnode/internal/badnet"
)

// MON-14, DIST-08: each way for a link to end has its word at each end, and every process that asked is told once.
// tests/net has programs that are killed or stand still, and tests/peers those that break the rules.
func TestReasons(t *testing.T) {
	const cut = "net_tick_timeout"
	for name, test := range map[string]struct {
		end        func(c *cluster)
		one, other string // the reason at the node that acts, and at the other one; "" where none is left to be told
	}{
		"disconnects":   {func(c *cluster) { c.members[0].running().Disconnect(c.t.Context(), c.router.nodeName(1)) }, "disconnect", "connection_closed"},
		"is stopped":    {func(c *cluster) { c.stop(c.members[0], patience) }, "", "connection_closed"},
		"is cut off":    {func(c *cluster) { c.cut(0, 1); c.cut(1, 0) }, cut, cut},
		"is not heard":  {func(c *cluster) { c.cut(0, 1) }, cut, cut},
		"does not hear": {func(c *cluster) { c.cut(1, 0) }, cut, cut},
		"vanishes":      {func(c *cluster) { c.cut(0, 1); c.cut(1, 0); c.stop(c.members[0], patience) }, "", cut},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCluster(t, 1)
			c.settle()
			one, other := c.watch(0, 1), c.watch(1, 0)
			test.end(c)
			if got := <-other; got != test.other {
				t.Errorf("the other node: %s, want %s", got, test.other)
			}
			if test.one == "" {
				return
			}
			if got := <-one; got != test.one {
				t.Errorf("the node: %s, want %s", got, test.one)
			}
		})
	}
}

func (c *cluster) cut(from, to int) { c.router.set(from, to, badnet.Faults{Cut: true}) }

// watch has a process of a node be told of another one, and gives the reason with which it is down first.
func (c *cluster) watch(at, of int) <-chan string {
	ready, reason := make(chan struct{}), make(chan string, 1)
	_, err := c.members[at].running().Spawn("watcher", abi.Pid{}, func(p *wnode.Process) wnode.Exit {
		if err := p.MonitorNodes(); err != nil {
			c.t.Error(err)
		}
		close(ready)
		for {
			m, err := p.Receive(p.Context(), wnode.Infinity)
			if err != nil {
				return wnode.Normal
			}
			event, _ := term.Decode(m.Data)
			if list := event.([]any); list[0] == "nodedown" && list[1] == c.router.nodeName(of) {
				reason <- list[2].(map[any]any)["nodedown_reason"].(string)
				return wnode.Normal
			}
		}
	})
	if err != nil {
		c.t.Fatal(err)
	}
	<-ready
	return reason
}
