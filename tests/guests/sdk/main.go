//go:build wasip1

// Sdk is a guest that tries what the Go SDK gives to guests, one scenario at a time: its first argument
// names the scenario, its second may name another node. A scenario that fails ends the process with
// ["panic", what]; tests/sdk runs them.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"github.com/wnode/wnode/abi/term"
	wnode "github.com/wnode/wnode/guest-sdk/go"
)

// scenarios are the tests by their names. node is empty, or the name of another node.
var scenarios = map[string]func(node string){
	"functions":   functions,
	"arguments":   arguments,
	"rights":      rights,
	"catch":       catches,
	"pids":        pids,
	"processes":   processes,
	"order":       signalOrder,
	"nobody":      toNobody,
	"busy":        busy,
	"mailbox":     mailbox,
	"names":       localNames,
	"globals":     globalNames,
	"nodes":       nodes,
	"restart":     restartedNode,
	"leader-log":  crashLogs,
	"devices":     devices,
	"leaders":     leaders,
	"exits":       exits,
	"links":       links,
	"monitors":    monitors,
	"by-name":     monitorNames,
	"aliases":     aliases,
	"timers":      timers,
	"mark":        marks,
	"lost":        lostNode,
	"calls":       calls,
	"call-errors": callErrors,
	"multi-call":  multiCalls,
	"starts":      starts,
	"callbacks":   callbacks,
	"stops":       stops,
	"tree-order":  supervisionOrder,
	"tree-rights": rightsOfChildren,
	"strategies":  strategies,
	"intensity":   intensity,
	"shutdown":    shutdowns,
	"children":    childrenCalls,
	"dynamic":     dynamicChildren,
	"significant": significantChildren,
	"parent":      parentEnds,
}

func main() {
	wnode.Main(func() error {
		args, err := wnode.Args()
		if err != nil {
			return err
		}
		if len(args) != 2 {
			return errors.New("wants a scenario and a node")
		}
		name, _ := args[0].(string)
		node, _ := args[1].(string)
		scenario, ok := scenarios[name]
		if !ok {
			return fmt.Errorf("no scenario %q", name)
		}
		scenario(node)
		return nil
	})
}

// soon is how long what should come may take, and short a time that is waited for nothing.
const (
	soon  = 60 * time.Second
	short = 20 * time.Millisecond
)

// nowhere is the name of a node that there is not.
const nowhere = "nowhere@127.0.0.1"

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func get[T any](value T, err error) T {
	must(err)
	return value
}

// equal compares what can be terms.
func equal(what string, got, want any) {
	if !bytes.Equal(get(term.Encode(got)), get(term.Encode(want))) {
		panic(fmt.Sprintf("%s: got %v, want %v", what, got, want))
	}
}

func isError(what string, got, want error) {
	if !errors.Is(got, want) {
		panic(fmt.Sprintf("%s: got %v, want %v", what, got, want))
	}
}

// receive gives the next message that accept accepts.
func receive(what string, accept func(wnode.Message) bool) wnode.Message {
	m, err := wnode.ReceiveMatch(soon, accept)
	if err != nil {
		panic(what + " did not come: " + err.Error())
	}
	return m
}

// until looks again and again for what no message tells of.
func until(what string, ok func() bool) {
	for start := time.Now(); !ok(); must(wnode.Sleep(time.Millisecond)) {
		if time.Since(start) > soon {
			panic(what + ": it did not come about")
		}
	}
}

// nothing checks that the mailbox is empty.
func nothing(what string) {
	if m, err := wnode.ReceiveMessage(0); err == nil {
		panic(fmt.Sprintf("%s: %v", what, m.Term))
	}
}

func downOf(ref wnode.Ref) wnode.Down { return get(wnode.ReceiveDown(ref, soon)) }

func exitFrom(pid wnode.Pid) any {
	m := receive("the exit of a process", func(m wnode.Message) bool {
		exit, ok := m.Exit()
		return ok && exit.Pid == pid
	})
	exit, _ := m.Exit()
	return exit.Reason
}

func trap() { get(wnode.TrapExits(true)) }
