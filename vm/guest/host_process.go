package guest

import (
	"fmt"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
	"github.com/wnode/wnode/vm"
)

var noArguments = term.MustEncode([]any{})

func (g *guest) self(c *call) (int64, error) {
	g.process.Pid().Append(c.pidOut())
	return 0, nil
}

// exitSelf does not return. A reason that is no term is an error of the guest (W-08).
func (g *guest) exitSelf(c *call) (int64, error) {
	g.end(vm.Exit{}, c.bytes())
	return 0, nil
}

func (g *guest) crash(c *call) (int64, error) {
	reason, detail := c.bytes(), c.bytes()
	detail = detail[:min(len(detail), maxDetailBytes)]
	g.end(vm.Exit{Crash: true, Detail: printableLines(string(detail))}, reason)
	return 0, nil
}

// end ends the guest with a reason, and does not return.
func (g *guest) end(exit vm.Exit, reason []byte) {
	reason, err := exitReason(reason)
	if err != nil {
		panic(&trap{trapBadArgument})
	}
	exit.Reason = term.Raw(reason)
	g.exited = &exit
	panic(errEnded)
}

func (g *guest) exitProcess(c *call) (int64, error) {
	pid := c.pid()
	reason, err := exitReason(c.bytes())
	if err != nil {
		return 0, err
	}
	return 0, g.process.ExitProcess(g, pid, reason)
}

// exitReason gives a reason in the one encoding that reasons are compared in.
func exitReason(encoded []byte) ([]byte, error) {
	if len(encoded) > vm.MaxReasonBytes {
		return nil, fmt.Errorf("exit reason of %d bytes: %w", len(encoded), abi.ErrBadArgument)
	}
	reason, err := term.Decode(encoded)
	if err != nil {
		return nil, fmt.Errorf("exit reason: %w: %w", abi.ErrBadArgument, err)
	}
	b, err := term.Encode(reason)
	if err != nil {
		return nil, fmt.Errorf("exit reason: %w: %w", abi.ErrBadArgument, err)
	}
	return b, nil
}

func (g *guest) isAlive(c *call) (int64, error) {
	pid := c.pid()
	if pid.Node != g.process.Pid().Node {
		return 0, abi.ErrBadArgument // PROC-13
	}
	return flag(g.process.System().Alive(pid)), nil
}

func (g *guest) args(c *call) (int64, error) {
	buffer := c.buffer()
	args := g.process.Args()
	if args == nil {
		args = noArguments
	}
	return fill(buffer, args), nil
}

func (g *guest) processInfo(c *call) (int64, error) {
	pid, buffer := c.pid(), c.buffer()
	if pid.Node != g.process.Pid().Node {
		return 0, abi.ErrBadArgument // PROC-13
	}
	info, ok := g.process.System().Info(pid)
	if !ok {
		return 0, abi.ErrNoProcess
	}
	facts := infoTerm(info, g.stackOf(pid))
	encoded, err := term.Encode(facts)
	if err != nil {
		return 0, fmt.Errorf("process info: %w", err)
	}
	return fill(buffer, encoded), nil
}

func (g *guest) setPriority(c *call) (int64, error) {
	before, err := g.process.SetPriority(abi.Priority(c.int32()))
	return int64(before), err
}

// stackOf gives the calls that a process is in.
func (g *guest) stackOf(pid abi.Pid) []vm.Frame {
	defer g.away()() // or two that ask each other would wait
	return g.process.System().Stack(g, pid)
}

// infoTerm gives the facts of PROC-15 under OTP's names. What a process does not have is null.
func infoTerm(info vm.Info, stack []vm.Frame) map[string]any {
	facts := map[string]any{
		"status":              info.Status,
		"registered_name":     nil,
		"label":               info.Label,
		"function":            nil,
		"current_function":    nil,
		"current_stacktrace":  nil,
		"memory":              nil,
		"message_queue_len":   info.MessageQueue,
		"message_queue_bytes": info.MessageBytes,
		"group_leader":        info.GroupLeader,
		"parent":              nil,
		"trap_exit":           info.TrapExit,
		"links":               info.Links,
		"monitors":            info.Monitors,
		"monitored_by":        info.MonitoredBy,
		"priority":            info.Priority.String(),
		"reductions":          info.Reductions,
		"limits":              info.Rights.Limits.Values(),
		"denied":              info.Rights.Denied.PermissionNames(),
		"folders":             info.Rights.FolderNames(),
		"environment":         info.Rights.EnvironmentNames(),
		"listeners":           info.Rights.ListenerNames(),
		"started":             info.Started.UnixNano(), // ns since 1970, as system_time
	}
	if info.Name != "" {
		facts["registered_name"] = info.Name
	}
	if info.Function != (abi.Function{}) {
		facts["function"] = info.Function
		facts["memory"] = info.Memory
	}
	if len(stack) > 0 {
		frames := stackTerm(stack)
		facts["current_function"], facts["current_stacktrace"] = frames[0], frames
	}
	if !info.Parent.IsZero() {
		facts["parent"] = info.Parent
	}
	return facts
}

// stackTerm gives each call as [module, function, arity].
func stackTerm(stack []vm.Frame) []any {
	frames := make([]any, len(stack))
	for i, f := range stack {
		frames[i] = []any{f.Module, f.Function, f.Arity}
	}
	return frames
}
