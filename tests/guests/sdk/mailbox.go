//go:build wasip1

package main

import (
	"bytes"
	"time"

	"github.com/wnode/wnode/abi"
	wnode "github.com/wnode/wnode/guest-sdk/go"
)

func init() {
	wnode.Func("tick", func(args []any) error { // for as long as it lives
		for {
			must(wnode.Send(args[0].(wnode.Pid), "tick"))
			must(wnode.Sleep(time.Millisecond))
		}
	})
}

// mailbox: RECV-01 to RECV-06.
func mailbox(string) {
	self := wnode.Self()
	for _, m := range []any{"a", 1, "b", 2} {
		must(wnode.Send(self, m))
	}
	isNumber := func(m wnode.Message) bool { _, ok := m.Term.(int64); return ok }
	equal("the oldest that matches", receive("a number", isNumber).Term, 1)
	equal("the order of the queue wins", receive("2 or b", func(m wnode.Message) bool {
		return m.Term == any(int64(2)) || m.Term == any("b")
	}).Term, "b")
	_, err := wnode.ReceiveMatch(0, func(m wnode.Message) bool { return m.Term == any("c") })
	isError("a time-out of zero looks at all", err, abi.ErrTimedOut)
	equal("the others stay", get(wnode.Receive(0)), "a")
	equal("in their order", get(wnode.Receive(0)), 2)
	nothing("left over")

	for _, size := range []int{1, 3000} { // larger than the buffer that is tried first, too
		sent := bytes.Repeat([]byte{7}, size)
		equal("sent and received", get(wnode.SendReceiveBytes(self, sent, 0)), sent)
	}
	nothing("left over")

	get(wnode.SendAfter(short, self, "at last"))
	equal("to wait for ever", get(wnode.Receive(wnode.Infinity)), "at last")

	ended := newPuppet(wnode.SpawnOptions{})
	must(wnode.Send(self, "before"))
	ref := get(wnode.StartTimer(0, self, "timer"))
	ended.tell("exit", "news")
	equal("DOWN out of turn", ended.reason(), "news")
	equal("a timer's message out of turn", receive("the timer", func(m wnode.Message) bool {
		list, _ := m.Term.([]any)
		return len(list) == 3 && list[1] == any(ref)
	}).Term, []any{"timeout", ref, "timer"})
	equal("and what was before them", get(wnode.Receive(0)), "before")

	// Were the timer set again by each message, it would not end while they come.
	ticker, down, err := wnode.SpawnMonitor(wnode.SpawnOptions{Func: "tick", Args: []any{self}})
	must(err)
	start := time.Now()
	_, err = wnode.ReceiveMatch(5*short, func(m wnode.Message) bool { return m.From != ticker })
	isError("what comes meanwhile does not match", err, abi.ErrTimedOut)
	if passed := time.Since(start); passed < 5*short {
		panic("too early: " + passed.String())
	}
	must(wnode.ExitProcess(ticker, "enough"))
	equal("the ticker", downOf(down).Reason, "enough")
}
