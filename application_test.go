package wnode

import (
	"context"
	"encoding/hex"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/wnode/wnode/abi"
)

// stubborn traps exits, says so, and takes messages for ever:
//
//	(drop (call $trap_exits (i32.const 1)))
//	(drop (call $send_name (i32.const 0) (i32.const 4) (i32.const 8) (i32.const 1))) ;; to "test"
//	(loop (drop (call $receive (i64.const -1) (i32.const 16) (i32.const 1000))) (br 0))
const stubborn = "0061736d0100000001180460017f017f60037e7f7f017f60047f7f7f7f017f60000002360305776e6f64650a747261705f65" +
	"78697473000005776e6f64650772656365697665000105776e6f64650973656e645f6e616d65000203020103050301000107" +
	"1302066d656d6f72790200065f737461727400030a23012100410110001a410041044108410110021a0340427f411041e807" +
	"10011a0c000b0b0b0a010041000b0474657374"

func startApplication(t *testing.T, n *Node, name string, module []byte, ended func(*Application)) *Application {
	t.Helper()
	fn, err := n.Load(name, module)
	if err != nil {
		t.Fatal(err)
	}
	a, err := n.StartApplication(ApplicationSpec{
		Name: name, Request: SpawnRequest{Function: fn, Leader: abi.Pid{Node: n.ID(), Num: 1 << 40}},
		Shutdown: 500 * time.Millisecond, Ended: ended,
	})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func example(t *testing.T, name string) []byte {
	t.Helper()
	module, err := os.ReadFile("examples/wasm/" + name + "/" + name + ".wasm")
	if err != nil {
		t.Fatal(err)
	}
	return module
}

// An application that does not stop when it is asked to is killed, after its time and not before; one that
// does has the time that it takes. The last one that was started stops first.
func TestCloseStopsApplications(t *testing.T) {
	n := newCluster(t).start("one@127.0.0.1", "secret")
	module, err := hex.DecodeString(stubborn)
	if err != nil {
		t.Fatal(err)
	}
	var order []string
	note := func(a *Application) { order = append(order, a.Name()) }
	trapping := make(chan struct{})
	observer, err := n.Spawn("test", abi.Pid{}, func(p *Process) Exit {
		if _, err := p.Receive(p.Context(), Infinity); err == nil {
			close(trapping)
		}
		<-p.Context().Done()
		return Normal
	})
	if err == nil {
		err = n.Register("test", observer)
	}
	if err != nil {
		t.Fatal(err)
	}
	good, bad := startApplication(t, n, "good", example(t, "echo"), note), startApplication(t, n, "bad", module, note)
	<-trapping
	if n.Shutdown() != time.Second {
		t.Errorf("it may take %v", n.Shutdown())
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := n.Close(ctx); err != nil {
		t.Fatal(err)
	}
	if good.Reason() != abi.ReasonShutdown || good.Failed() || bad.Reason() != abi.ReasonKilled || !bad.Failed() {
		t.Errorf("good ended with %v, bad with %v", good.Reason(), bad.Reason())
	}
	if !slices.Equal(order, []string{"bad", "good"}) {
		t.Errorf("they stopped in the order %v", order)
	}
}

// An application can end by itself, be stopped alone, and fail to start.
func TestApplicationEnds(t *testing.T) {
	n := newCluster(t).start("one@127.0.0.1", "secret")
	told := make(chan *Application, 1)
	done := startApplication(t, n, "whoami", example(t, "whoami"), func(a *Application) { told <- a })
	<-done.Done()
	if a := <-told; a != done || a.Reason() == nil {
		t.Errorf("told of %v, reason %v", a.Name(), a.Reason())
	}
	echo := startApplication(t, n, "echo", example(t, "echo"), nil)
	if err := echo.Stop(t.Context()); err != nil || echo.Failed() {
		t.Errorf("%v, %v", err, echo.Reason())
	}
	if err := echo.Stop(t.Context()); err != nil {
		t.Errorf("stopped twice: %v", err)
	}
	fn, err := n.Load("echo", example(t, "echo"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = n.StartApplication(ApplicationSpec{Name: "bad", Request: SpawnRequest{Function: fn, Args: []byte{0xff}}})
	if err == nil {
		t.Error("started with arguments that are none")
	}
}
