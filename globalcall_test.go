package wnode

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/registry"
	"github.com/wnode/wnode/vm"
)

// silent is a way to a node that is connected and says nothing.
type silent struct{}

func (silent) Send(context.Context, abi.Signal) error          { return nil }
func (silent) SendConnected(context.Context, abi.Signal) error { return nil }
func (silent) Post(abi.Signal) error                           { return nil }

// A node that is connected and does not answer a question about a name holds nobody up for longer than callTimeout;
// who asks may have less time, and its loss ends the wait.
func TestQuestionWithoutAnswer(t *testing.T) {
	const other abi.NodeID = 2
	for name, test := range map[string]struct {
		ask  func(*Node, context.Context) error
		want error
		at   time.Duration
	}{
		"register": {func(n *Node, ctx context.Context) error {
			return n.GlobalRegister(ctx, "x", abi.Pid{Node: other, Num: 5})
		}, abi.ErrTimedOut, callTimeout},
		"unregister": {func(n *Node, ctx context.Context) error {
			n.globals.state.NodeUp(other)
			n.globals.commit(other, registry.Entry{Name: "x", Pid: abi.Pid{Node: other, Num: 5}})
			return n.GlobalUnregister(ctx, "x")
		}, abi.ErrTimedOut, callTimeout},
		"less time": {func(n *Node, ctx context.Context) error {
			ctx, cancel := context.WithTimeout(ctx, time.Second)
			defer cancel()
			return n.GlobalRegister(ctx, "x", abi.Pid{Node: other, Num: 5})
		}, context.DeadlineExceeded, time.Second},
		"node lost": {func(n *Node, ctx context.Context) error {
			time.AfterFunc(3*time.Second, func() { n.sys.NodeDown(other) })
			return n.GlobalRegister(ctx, "x", abi.Pid{Node: other, Num: 5})
		}, abi.ErrNotConnected, 3 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := &Node{id: 1}
				n.globals = newGlobals(n)
				n.sys = vm.New(vm.Options{Node: n.id, Remote: silent{}})
				defer func() {
					if err := n.sys.Close(context.Background()); err != nil {
						t.Error(err)
					}
				}()
				began := time.Now()
				if err := test.ask(n, t.Context()); !errors.Is(err, test.want) {
					t.Errorf("%v, want %v", err, test.want)
				}
				if got := time.Since(began); got != test.at {
					t.Errorf("after %v, want %v", got, test.at)
				}
			})
		})
	}
}
