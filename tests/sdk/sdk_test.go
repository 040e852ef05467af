package sdk

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/wnode/wnode"
	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
	"github.com/wnode/wnode/internal/buffertest"
	"github.com/wnode/wnode/internal/goguest"
	"github.com/wnode/wnode/internal/nodetest"
)

// root is the root of the repository.
const root = "../.."

// guests builds guests, and sdkModule is the one with the scenarios.
var (
	guests    *goguest.Builder
	sdkModule []byte
)

func TestMain(m *testing.M) { os.Exit(runTests(m)) }

func runTests(m *testing.M) int {
	dir, err := os.MkdirTemp("", "wnode-sdk-")
	if err == nil {
		defer os.RemoveAll(dir)
		guests, err = goguest.New(context.Background(), root, dir, goguest.Tests)
	}
	if err == nil {
		sdkModule, err = guests.Build(context.Background(), "./tests/guests/sdk", "none")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code := m.Run()
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// startNode starts a node that ends with the test.
func startNode(t *testing.T, name string, port uint16, logs *buffertest.Buffer, cookie wnode.Cookie) *wnode.Node {
	t.Helper()
	n, err := tryNode(t, name, port, logs, cookie)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// tryNode is startNode for any goroutine.
func tryNode(t *testing.T, name string, port uint16, logs *buffertest.Buffer, cookie wnode.Cookie) (*wnode.Node, error) {
	t.Helper()
	n, err := wnode.Start(t.Context(), wnode.Options{
		Name: name, Cookie: cookie, Listen: "127.0.0.1:0", WellKnownPort: port, CacheDir: guests.CacheDir(),
		Logger: slog.New(slog.NewTextHandler(logs, nil)).With("node", name),
	})
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		if err := n.Close(ctx); err != nil {
			t.Errorf("close %s: %v", n.Name(), err)
		}
	})
	return n, nil
}

func randomCookie(t *testing.T) wnode.Cookie {
	t.Helper()
	cookie, err := wnode.RandomCookie()
	if err != nil {
		t.Fatal(err)
	}
	return cookie
}

// run runs a function on a node and gives its exit reason and what it and its children wrote.
func run(t *testing.T, n *wnode.Node, fn abi.Function, input string, args ...any) (reason any, output string) {
	t.Helper()
	out := new(buffertest.Buffer)
	leader, err := n.StartStream(wnode.Streams{Output: out, Errors: out, Input: bytes.NewBufferString(input)})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan any, 1)
	_, err = n.Spawn("test", leader, func(p *wnode.Process) wnode.Exit {
		defer close(done)
		request := wnode.SpawnRequest{Function: fn, Args: term.MustEncode(args)}
		_, ref, err := p.SpawnMonitor(p.Context(), n.ID(), request)
		for err == nil {
			var m wnode.Message
			m, err = p.Receive(p.Context(), wnode.Infinity)
			if err == nil && m.Kind == abi.MessageDown && m.Ref == ref {
				down, _ := term.Decode(m.Data)
				done <- down.([]any)[4]
				return wnode.Normal
			}
		}
		t.Error(err)
		return wnode.Normal
	})
	if err != nil {
		t.Fatal(err)
	}
	return <-done, out.String()
}

// startTwo starts two nodes, each with a log, and connects them.
func startTwo(t *testing.T, logsOfOne, logsOfTwo *buffertest.Buffer) (one, two *wnode.Node) {
	t.Helper()
	port, cookie := nodetest.FreePort(t), randomCookie(t)
	one, two = startNode(t, "one", port, logsOfOne, cookie), startNode(t, "two", port, logsOfTwo, cookie)
	if err := one.Connect(t.Context(), two.Name()); err != nil {
		t.Fatal(err)
	}
	return one, two
}

func loadScenarios(t *testing.T, n *wnode.Node) abi.Function {
	t.Helper()
	fn, err := n.Load("sdk.wasm", sdkModule)
	if err != nil {
		t.Fatal(err)
	}
	return fn
}

// scenario runs a scenario of the guest.
func scenario(t *testing.T, n *wnode.Node, name, other, input string, logs *buffertest.Buffer) {
	t.Helper()
	fn := loadScenarios(t, n)
	if reason, output := run(t, n, fn, input, name, other); reason != any("normal") {
		t.Errorf("%s: %v\n%s\nlog:\n%s", name, reason, output, logs)
	}
}
