//go:build wasip1

// Supervised is a counter that a supervisor keeps running: a crash costs it its count, and too many
// crashes within five seconds end the program. It reads commands, one a line: next, crash, quit.
package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	wnode "github.com/wnode/wnode/guest-sdk/go"
	"github.com/wnode/wnode/guest-sdk/go/server"
	"github.com/wnode/wnode/guest-sdk/go/supervisor"
)

// name is what the counter is registered as on its node: its pid changes with every restart.
const name = "counter"

// counter counts the calls that it gets.
type counter struct {
	server.Base
	n int
}

func (c *counter) HandleCall(any, server.From) server.Next {
	c.n++
	return server.Reply(c.n)
}

func (c *counter) HandleCast(any) server.Next { panic("on command") }

func init() {
	server.Register("counter", func() server.Server { return new(counter) })
	supervisor.Register("tree", func([]any) (supervisor.Flags, []supervisor.Child, error) {
		start := supervisor.Start{Func: "counter", Name: wnode.Address{Name: name}}
		return supervisor.Flags{Intensity: 3}, []supervisor.Child{{ID: "counter", Start: start}}, nil
	})
}

func main() { wnode.Main(run) }

// run is linked with the supervisor: each ends with the other.
func run() error {
	if _, err := supervisor.StartLink("tree", nil, server.Options{}); err != nil {
		return err
	}
	for {
		line, err := wnode.Device{}.ReadLine("counter> ")
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = obey(strings.TrimSpace(line))
		}
		if err != nil {
			return err
		}
	}
}

func obey(command string) error {
	to := wnode.Address{Name: name}
	switch command {
	case "next":
		n, err := server.Call(to, "next")
		if err != nil {
			fmt.Println(err) // it is being restarted
			return nil
		}
		fmt.Println(n)
	case "crash":
		return crash(to)
	case "quit":
		return &wnode.ExitError{Reason: "shutdown"}
	default:
		fmt.Println("commands: next, crash, quit")
	}
	return nil
}

// crash has the counter crash and waits until it has.
func crash(to wnode.Address) error {
	ref, err := wnode.MonitorTo(to)
	if err == nil {
		err = server.Cast(to, "crash")
	}
	if err != nil {
		return err
	}
	down, err := wnode.ReceiveDown(ref, wnode.Infinity)
	if err != nil {
		return err
	}
	fmt.Println("the counter ended:", down.Reason)
	return nil
}
