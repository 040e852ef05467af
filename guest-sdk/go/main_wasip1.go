package wnode

import (
	"errors"
	"fmt"
	"os"
	"runtime/debug"

	"github.com/wnode/wnode/abi"
)

// Main runs what the process was started for, and does not return: the function of [SpawnOptions].Func,
// or else main. A program that registers functions consists of one call:
//
//	func main() { wnode.Main(serve) }
//
// The process ends with [ReasonOf] what the function returns. When it panics the trace goes to the
// standard error and a line to the node's log, and the process ends with [PanicReason]. A function that
// nobody registered is the exit reason ["undef", [[module, name, args, []]]].
func Main(main func() error) {
	args, err := spawnArgs()
	if err != nil {
		end(ReasonOf(err))
	}
	if r, named := parseInvocation(args); named {
		main = r.run
	}
	end(guarded(main))
}

// end ends the process with a reason, or with what is wrong with it.
func end(reason any) {
	err := Exit(reason)
	_ = Exit(ReasonOf(err)) // reached when the reason is no term; this one is
}

// guarded gives the reason that a function ends with.
func guarded(f func() error) (reason any) {
	defer func() {
		if value := recover(); value != nil {
			reason = Panicked(value)
		}
	}()
	return ReasonOf(f())
}

// Panicked reports a panic whose value was recovered, as [Main] does, and gives its reason.
func Panicked(value any) (reason any) {
	reason = PanicReason(value)
	fmt.Fprintf(os.Stderr, "panic: %v\n\n%s", value, debug.Stack())
	_ = Log(LevelError, shorten(fmt.Sprintf("process ends with a panic: %v", value)))
	return reason
}

// run calls the function that the request names, in the process's name if it is to have one.
func (r request) run() error {
	_ = SetLabel(r.name) // a name that is no label leaves the process without one
	f, ok := functions[r.name]
	if !ok {
		_ = Log(LevelError, "process ends: no function is registered as "+shorten(r.name))
		return &ExitError{[]any{"undef", []any{[]any{os.Args[0], r.name, r.args, []any{}}}}}
	}
	s := r.starting(Self(), Send)
	if s.Name.Name != "" {
		if taken := s.takeName(); taken != nil {
			return taken
		}
	}
	return f(s, r.args)
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
