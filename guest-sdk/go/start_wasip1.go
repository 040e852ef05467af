package wnode

import (
	"time"

	"github.com/wnode/wnode/abi"
)

// StartOptions says how to start what [SpawnOptions] says.
type StartOptions struct {
	Name    Address       // what the new process is registered as, on its node or globally; zero: nothing
	Timeout time.Duration // how long it may take to start; 0: for ever
}

// Start starts a registered function, [SpawnOptions].Func, in a process of its own and waits until it
// has started: has taken its name and, when it was registered with [StartFunc], says so.
//
// Errors: a [*StartError] with the reason that it ended with instead, ["already_started", pid] for a
// name that is taken, or "timeout", after which it has been killed; [ErrIgnored]; those of [Spawn].
// With Link, a process that fails to start sends its exit signal besides.
func Start(o SpawnOptions, s StartOptions) (Pid, error) {
	if o.Func == "" || s.Name.Node != "" {
		return Pid{}, abi.ErrBadArgument
	}
	if err := Mark(); err != nil {
		return Pid{}, err
	}
	ack, err := Alias(AliasReply)
	if err != nil {
		return Pid{}, err
	}
	start := map[string]any{startParent: Self(), startLinked: o.Link, startAck: ack}
	if s.Name.Name != "" {
		start[startName] = s.Name.Term()
	}
	pid, monitor, err := o.spawnMonitor(start)
	if err != nil {
		_, _ = Unalias(ack)
		return Pid{}, err
	}
	outcome, err := awaitReply(pending{Tag{ack}, monitor}, startTimeout(s.Timeout), next)
	if err != nil {
		return Pid{}, err
	}
	return startOutcome(pid, o.Link, outcome)
}

func startTimeout(d time.Duration) time.Duration {
	if d == 0 {
		return Infinity
	}
	return d
}

// startOutcome turns what became of a start into the result of [Start].
func startOutcome(pid Pid, linked bool, o outcome) (Pid, error) {
	switch o.kind {
	case timedOut:
		if linked {
			_ = Unlink(pid) // the kill is no news to this process
		}
		if err := ExitProcess(pid, abi.ReasonKill); err != nil {
			return Pid{}, err
		}
		return Pid{}, &StartError{reasonTimeout}
	case ended:
		return Pid{}, &StartError{o.value}
	}
	if isText(o.value, ignored) {
		return Pid{}, ErrIgnored
	}
	list, _ := o.value.([]any)
	if len(list) == 2 && isText(list[0], tagOK) {
		return pid, nil
	}
	if len(list) == 2 && isText(list[0], tagError) {
		return Pid{}, &StartError{list[1]}
	}
	return Pid{}, &StartError{[]any{"bad_return_value", o.value}}
}
