//go:build wasip1

package main

import (
	"time"

	"github.com/wnode/wnode/abi"
	wnode "github.com/wnode/wnode/guest-sdk/go"
)

// timers: TMR-01, TMR-02, TMR-03, TMR-04, TMR-05.
func timers(node string) {
	self := wnode.Self()
	start := time.Now()
	get(wnode.SendAfter(2*short, self, "second"))
	ref := get(wnode.StartTimer(short, self, "first"))
	equal("start_timer", get(wnode.ReceiveMessage(soon)).Term, []any{"timeout", ref, "first"})
	equal("send_after", get(wnode.ReceiveMessage(soon)).Term, "second")
	if passed := time.Since(start); passed < 2*short {
		panic("too early: " + passed.String())
	}
	_, err := wnode.CancelTimer(ref)
	isError("cancel of one that has fired", err, abi.ErrNoTimer)

	ref = get(wnode.SendAfter(time.Hour, self, "never"))
	if left := get(wnode.ReadTimer(ref)); left <= 59*time.Minute || left > time.Hour {
		panic("read: " + left.String())
	}
	if left := get(wnode.CancelTimer(ref)); left <= 59*time.Minute || left > time.Hour {
		panic("cancel: " + left.String())
	}
	_, err = wnode.ReadTimer(ref)
	isError("read of one that was cancelled", err, abi.ErrNoTimer)

	const name = "sdk.timers"
	get(wnode.SendNameAfter(short, name, "by name"))
	must(wnode.Register(name, self))
	equal("the name is looked up when the time has come", get(wnode.ReceiveMessage(soon)).Term, "by name")
	must(wnode.Unregister(name))
	get(wnode.SendNameAfter(0, name, "nobody"))

	other := newPuppet(wnode.SpawnOptions{})
	ref = get(wnode.SendAfter(time.Hour, other.pid, "never"))
	other.end()
	_, err = wnode.ReadTimer(ref)
	isError("the end of the receiver ends the timer", err, abi.ErrNoTimer)

	if node != "" {
		remote := newPuppet(wnode.SpawnOptions{Node: node})
		_, err = wnode.SendAfter(0, remote.pid, "far")
		isError("a process of another node", err, abi.ErrBadArgument)
		remote.end()
	}
	nothing("left over")
}

// marks: a mark makes what was there before invisible until something is taken.
func marks(string) {
	self := wnode.Self()
	must(wnode.Send(self, "before"))
	must(wnode.Mark())
	must(wnode.Send(self, "after"))
	seen := receive("what came after the mark", func(wnode.Message) bool { return true })
	equal("looked at", seen.Term, "after")
	equal("still there", get(wnode.Receive(0)), "before")
	must(wnode.Send(self, "before"))
	must(wnode.Mark())
	_, err := wnode.ReceiveMatch(0, func(wnode.Message) bool { return true })
	isError("nothing after the mark", err, abi.ErrTimedOut)
	equal("and then it is as before", get(wnode.Receive(0)), "before")
}
