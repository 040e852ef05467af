package wnode

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/wnode/wnode/abi"
)

// SIG-01, SIG-08: a message as large as the nodes allow goes from one to the other; one that the other does not take is an error.
func TestMaxMessageBytes(t *testing.T) {
	c := newCluster(t)
	const size = 20 << 20 // more than the default
	allowing := func(name string) *Node {
		opts := c.options(name, "x1")
		opts.MaxMessageBytes = size
		return c.startWith(opts)
	}
	one, two, three := allowing("one"), allowing("two"), c.start("three", "x1")
	for _, n := range []*Node{two, three} {
		if err := one.Connect(t.Context(), n.Name()); err != nil {
			t.Fatal(err)
		}
	}
	got := make(chan []byte, 1)
	pid, err := two.Spawn("receiver", abi.Pid{}, func(p *Process) Exit {
		if m, err := p.Receive(p.Context(), Infinity); err == nil {
			got <- m.Data
		}
		return Normal
	})
	if err != nil {
		t.Fatal(err)
	}
	want := bytes.Repeat([]byte{1, 2, 3, 4}, size/4)
	do(t, one, func(p *Process) {
		for to, tooLarge := range map[abi.Pid]bool{pid: false, {Node: three.ID(), Num: 1 << 40}: true} {
			if err := p.Send(p.Context(), to, bytes.Clone(want)); errors.Is(err, abi.ErrTooLarge) != tooLarge || !tooLarge && err != nil {
				t.Errorf("send, too large %v: %v", tooLarge, err)
			}
		}
		if err := p.Send(p.Context(), pid, make([]byte, size+1)); !errors.Is(err, abi.ErrTooLarge) {
			t.Errorf("send more: %v", err)
		}
	})
	if m := <-got; !bytes.Equal(m, want) {
		t.Errorf("%d bytes have arrived, not those that were sent", len(m))
	}
}

// Bounds that would leave no room for what nodes say themselves are refused.
func TestSmallBounds(t *testing.T) {
	c := newCluster(t)
	for _, set := range []func(*Options){
		func(o *Options) { o.MaxMessageBytes = MinMessageBytes - 1 },
		func(o *Options) { o.LinkQueueBytes = -1 },
	} {
		opts := c.options("one", "x1")
		set(&opts)
		if n, err := Start(t.Context(), opts); err == nil || !strings.Contains(err.Error(), "at least 65536") {
			t.Errorf("started %v: %v", n, err)
		}
	}
}
