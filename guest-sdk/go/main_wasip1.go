package wnode

import (
	"errors"
	"fmt"
	"os"
	"runtime/debug"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
)

// Main runs what the process was started for: the function of [SpawnOptions].Func, or else main. A program
// that registers functions consists of one call, behind which there is to be nothing:
//
//	func main() { wnode.Main(serve) }
//
// It returns when the process is to end with "normal", as it does then, since that takes the node less time
// than to stop a program that runs. Otherwise it does not return.
//
// The process ends with [ReasonOf] what the function returns, or with [PanicReason] when it panics. A
// panic with an error that has an exit reason, such as an [*ExitError], is an exit that the function's
// callers can recover from. Any other panic is a crash: its trace goes to the standard error, and the
// node logs it. A function that nobody registered crashes with ["undef", [[module, name, args, []]]].
// A process that was started with [Start] is logged as well when it ends other than in good order.
func Main(main func() error) {
	args, err := spawnArgs()
	if err != nil {
		main = func() error { return err }
	}
	if r, named := parseInvocation(args); named {
		r.run().leave()
		return
	}
	guarded(main).leave()
}

// ending is how a process ends.
type ending struct {
	reason any
	crash  bool   // an error, as against an exit that somebody asked for: it is logged (LOG-01)
	detail string // for the log
}

// leave ends the process, if need be with what is wrong with the reason. It returns when the process ends well.
func (e ending) leave() {
	if e.reason == abi.ReasonNormal && !e.crash {
		return
	}
	err := e.end()
	e.reason = ReasonOf(err)
	_ = e.end() // reached when the reason is no term; this one is
}

func (e ending) end() error {
	if !e.crash {
		return Exit(e.reason)
	}
	return crash(e.reason, e.detail)
}

// guarded gives the ending that a function leads to.
func guarded(f func() error) (e ending) {
	defer func() {
		if value := recover(); value != nil {
			e = ending{reason: Panicked(value), crash: !isExit(value)}
		}
	}()
	return ending{reason: ReasonOf(f())}
}

// Panicked gives the reason of a panic whose value was recovered, as [Main] does, and writes the trace of
// one that is a crash.
func Panicked(value any) (reason any) {
	if !isExit(value) {
		fmt.Fprintf(os.Stderr, "panic: %v\n\n%s", value, debug.Stack())
	}
	return PanicReason(value)
}

// run calls the function that the request names, in the process's name if it is to have one.
func (r request) run() ending {
	_ = SetLabel(r.name) // a name that is no label leaves the process without one
	f, ok := functions[r.name]
	if !ok {
		return ending{reason: []any{"undef", []any{[]any{os.Args[0], r.name, r.args, []any{}}}}, crash: true}
	}
	s := r.starting(Self(), Send)
	e := guarded(func() error {
		if s.Name.Name != "" {
			if taken := s.takeName(); taken != nil {
				return taken
			}
		}
		return f(s, r.args)
	})
	if r.start != nil && !IsOrderly(e.reason) { // LOG-04
		e.crash, e.detail = true, s.describe()
	}
	return e
}

// describe gives what a crash report has beside the reason.
func (s *Starting) describe() string {
	info, err := ProcessInfo(s.pid)
	if err != nil {
		return ""
	}
	return fmt.Sprintf("parent: %s, links: %s, monitors: %s, trap_exit: %v, message_queue_len: %v", term.Format(s.Parent, nil),
		term.Format(info["links"], nil), term.Format(info["monitors"], nil), info["trap_exit"], info["message_queue_len"])
}

// takeName registers the process. When somebody else has the name, who waits is told, and the process
// is to end with "normal" (GS-07).
func (s *Starting) takeName() error {
	register, whereis := Register, Whereis
	if s.Name.Global {
		register, whereis = GlobalRegister, GlobalWhereis
	}
	err := register(s.Name.Name, s.pid)
	if !errors.Is(err, abi.ErrNameTaken) {
		return err
	}
	var reason any = reasonAlreadyStarted // by a process that has ended since
	if pid, err := whereis(s.Name.Name); err == nil {
		reason = []any{reasonAlreadyStarted, pid}
	}
	if err := s.fail(reason); err != nil {
		return err
	}
	return &ExitError{abi.ReasonNormal}
}

// fail tells who waits for it that the process has not started.
func (s *Starting) fail(reason any) error { return s.tell([]any{tagError, reason}) }
