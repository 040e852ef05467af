package wnode

import (
	"testing"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
)

// A tracer hears of the names of who it traces, the one that the end of the process frees too.
func TestTraceNames(t *testing.T) {
	n := newCluster(t).start("one@127.0.0.1", "x1")
	events := make(chan string, 10)
	tracer, err := n.Spawn("tracer", abi.Pid{}, func(p *Process) Exit {
		for {
			m, err := p.Receive(p.Context(), Infinity)
			if err != nil {
				return Normal
			}
			v, _ := term.Decode(m.Data)
			events <- term.Format(v.([]any)[2:], nil)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	end := make(chan struct{})
	traced, err := n.Spawn("traced", abi.Pid{}, func(*Process) Exit { <-end; return Exit{Reason: "done"} })
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Trace(traced, tracer, TraceProcs); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"first", "second"} {
		if err := n.Register(name, traced); err != nil {
			t.Fatal(err)
		}
		if name == "first" {
			if err := n.Unregister(name); err != nil {
				t.Fatal(err)
			}
		}
	}
	close(end)
	for _, want := range []string{
		`["register", "first"]`, `["unregister", "first"]`, `["register", "second"]`, `["exit", "done"]`, `["unregister", "second"]`,
	} {
		if got := <-events; got != want {
			t.Errorf("event %s, want %s", got, want)
		}
	}
}
