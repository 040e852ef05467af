//go:build wasip1

// Ticker is a server that any process of any node can find: it registers itself globally as "ticker".
// Who sends it ["register", pid] gets ["tick", n] at every interval, n counting from 1.
//
// Its argument is the interval in milliseconds, 2000 when there is none.
package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/wnode/wnode/abi"
	wnode "github.com/wnode/wnode/guest-sdk/go"
)

func main() {
	interval, err := interval(os.Args)
	if err == nil {
		err = wnode.GlobalRegister("ticker", wnode.Self())
	}
	if err == nil {
		err = serve(interval)
	}
	fmt.Fprintln(os.Stderr, "ticker:", err)
	os.Exit(1)
}

func interval(args []string) (time.Duration, error) {
	if len(args) < 2 {
		return 2 * time.Second, nil
	}
	ms, err := strconv.ParseUint(args[1], 10, 31)
	if err != nil || ms == 0 {
		return 0, fmt.Errorf("the interval %q is no number of milliseconds", args[1])
	}
	return time.Duration(ms) * time.Millisecond, nil
}

// serve ticks until a call fails. A client is monitored, so that the list does not keep the dead.
func serve(interval time.Duration) error {
	var clients []wnode.Pid
	next := time.Now().Add(interval)
	for n := 1; ; {
		message, err := wnode.ReceiveMessage(time.Until(next))
		if errors.Is(err, abi.ErrTimedOut) {
			if err := tick(clients, n); err != nil {
				return err
			}
			n++
			next = next.Add(interval)
			continue
		}
		if down, ok := message.Down(); ok {
			clients = slices.DeleteFunc(clients, func(pid wnode.Pid) bool { return pid == down.Pid })
			continue
		}
		client, ok := registration(message.Term)
		if err != nil || !ok || slices.Contains(clients, client) {
			continue // not for us
		}
		if _, err := wnode.Monitor(client); err != nil {
			return err
		}
		clients = append(clients, client)
	}
}

func tick(clients []wnode.Pid, n int) error {
	for _, client := range clients {
		if err := wnode.Send(client, []any{"tick", n}); err != nil {
			return err
		}
	}
	return nil
}

// registration reads ["register", pid].
func registration(t any) (client wnode.Pid, ok bool) {
	request, _ := t.([]any)
	if len(request) != 2 || request[0] != any("register") {
		return wnode.Pid{}, false
	}
	client, ok = request[1].(wnode.Pid)
	return client, ok
}
