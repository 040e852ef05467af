//go:build linux

package soak

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/wnode/wnode/internal/badnet"
	"github.com/wnode/wnode/tests/soak/history"
)

// MON-14, DIST-08, DIST-22: each way for a link to end has its word at each end. tests/net has programs that are killed and
// missed at once, since their host says so, and tests/peers those that break the rules.
func TestReasons(t *testing.T) {
	const cut = "net_tick_timeout"
	for name, test := range map[string]struct {
		silence    time.Duration // that the nodes bear
		end        func(c *cluster)
		one, other string // the reason at the node that acts, and at the other one; "" where none is left to be told
	}{
		"disconnects": {
			2 * patience, func(c *cluster) {
				c.order(c.members[0], order{Disconnect: c.router.nodeName(1), Within: patience})
			}, "disconnect", "connection_closed",
		},
		"is stopped":    {2 * patience, func(c *cluster) { c.stop(c.members[0]) }, "", "connection_closed"},
		"is killed":     {deadAfter, func(c *cluster) { c.kill(c.members[0]) }, "", cut},
		"is cut off":    {deadAfter, func(c *cluster) { c.cut(0, 1); c.cut(1, 0) }, cut, cut},
		"is not heard":  {deadAfter, func(c *cluster) { c.cut(0, 1) }, cut, cut},
		"does not hear": {deadAfter, func(c *cluster) { c.cut(1, 0) }, cut, cut},
		"stands still":  {deadAfter, func(c *cluster) { c.members[0].Signal(syscall.SIGSTOP) }, "", cut},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCluster(t, 1, 1, test.silence)
			c.settle()
			seen, release := c.board.now()
			before := len(seen.events)
			release()
			test.end(c)
			c.awaitDown(before, 1, 0, test.other)
			if test.one != "" {
				c.awaitDown(before, 0, 1, test.one)
			}
		})
	}
}

func (c *cluster) cut(from, to int) { c.router.set(from, to, badnet.Faults{Cut: true}) }

// awaitDown waits until the worker of a node is told that another one is down, after so many events, and wants a reason.
func (c *cluster) awaitDown(after, at, of int, want string) {
	c.t.Helper()
	c.until("a nodedown", func(seen *digest) bool {
		for _, e := range seen.events[after:] {
			if e.Kind == history.NodeDown && e.Node == c.router.nodeName(of) && strings.HasPrefix(e.Process, c.members[at].life+"-") {
				if e.Reason != want {
					c.t.Errorf("%s: %s, want %s", c.members[at].life, e.Reason, want)
				}
				return true
			}
		}
		return false
	})
}
