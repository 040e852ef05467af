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
	reason, err := exitReason(c.bytes())
	if err != nil {
		panic(&trap{trapBadArgument})
	}
	g.exited = &vm.Exit{Reason: term.Raw(reason)}
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
	facts := infoTerm(info)
	if memory := c.memory(); memory != nil && pid == g.process.Pid() {
		facts["memory"] = memory.Size() // of others it cannot be read while they run
	}
	encoded, err := term.Encode(facts)
	if err != nil {
		return 0, fmt.Errorf("process info: %w", err)
	}
	return fill(buffer, encoded), nil
}

// infoTerm gives the facts of PROC-15 under OTP's names. What a process does not have is null.
func infoTerm(info vm.Info) map[string]any {
	facts := map[string]any{
		"status":              info.Status,
		"registered_name":     nil,
		"label":               info.Label,
		"function":            nil,
		"message_queue_len":   info.MessageQueue,
		"message_queue_bytes": info.MessageBytes,
		"group_leader":        info.GroupLeader,
		"parent":              nil,
		"trap_exit":           info.TrapExit,
		"links":               info.Links,
		"monitors":            info.Monitors,
		"monitored_by":        info.MonitoredBy,
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
	}
	if !info.Parent.IsZero() {
		facts["parent"] = info.Parent
	}
	return facts
}
