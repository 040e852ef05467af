package supervisor

import (
	"errors"
	"fmt"
	"slices"

	"github.com/wnode/wnode/abi"
	wnode "github.com/wnode/wnode/guest-sdk/go"
)

// The requests that a supervisor answers.
const (
	whichChildren  = "which_children"
	countChildren  = "count_children"
	startChild     = "start_child"
	terminateChild = "terminate_child"
	restartChild   = "restart_child"
	deleteChild    = "delete_child"
)

const tagOK, tagError = "ok", "error"

// answer does what a request asks for and gives the reply: "ok", ["ok", pid], ["error", reason] or
// what was asked for. It is false for a request that no supervisor knows.
func (c *core) answer(request any) (reply any, known bool) {
	switch request {
	case any(whichChildren):
		list := []any{}
		for _, info := range c.which() {
			list = append(list, info.term())
		}
		return list, true
	case any(countChildren):
		n := c.count()
		return map[string]int{"specs": n.Specs, "active": n.Active, "supervisors": n.Supervisors, "workers": n.Workers}, true
	}
	list, _ := request.([]any)
	if len(list) != 2 {
		return nil, false
	}
	switch list[0] {
	case any(startChild):
		return pidReply(c.startRequested(list[1])), true
	case any(terminateChild):
		if pid, ok := list[1].(wnode.Pid); ok {
			return okReply(c.terminateDynamic(pid)), true
		}
		return okReply(byID(list[1], c.terminateChild)), true
	case any(restartChild):
		id, ok := list[1].(string)
		if !ok {
			return okReply(ErrNotFound), true
		}
		return pidReply(c.restartChild(id)), true
	case any(deleteChild):
		return okReply(byID(list[1], c.deleteChild)), true
	}
	return nil, false
}

func (c *core) startRequested(spec any) (wnode.Pid, error) {
	if args, ok := spec.([]any); ok {
		return c.startDynamic(args)
	}
	child, err := ParseChild(spec)
	if err != nil {
		return wnode.Pid{}, err
	}
	return c.startChild(child)
}

func byID(id any, f func(id string) error) error {
	text, ok := id.(string)
	if !ok {
		return ErrNotFound
	}
	return f(text)
}

// okReply and pidReply give an outcome as a message has it.
func okReply(err error) any {
	if err != nil {
		return []any{tagError, errorTerm(err)}
	}
	return tagOK
}

func pidReply(pid wnode.Pid, err error) any {
	if err != nil {
		return []any{tagError, errorTerm(err)}
	}
	return []any{tagOK, pidTerm(pid)}
}

func errorTerm(err error) any {
	for _, refusal := range refusals {
		if errors.Is(err, refusal) {
			return refusal.Error()
		}
	}
	return wnode.ReasonOf(err)
}

// pidTerm gives null for the zero pid.
func pidTerm(pid wnode.Pid) any {
	if pid.IsZero() {
		return nil
	}
	return pid
}

// term gives [id, pid, type], where pid may be "restarting" or null, and the id null.
func (i ChildInfo) term() any {
	var id any
	if i.ID != "" {
		id = i.ID
	}
	pid := pidTerm(i.Pid)
	if i.Restarting {
		pid = "restarting"
	}
	return []any{id, pid, string(i.Type)}
}

// outcome reads a reply to a request that changes something.
func outcome(reply any) (wnode.Pid, error) {
	if reply == any(tagOK) {
		return wnode.Pid{}, nil
	}
	list, _ := reply.([]any)
	if len(list) != 2 {
		return wnode.Pid{}, badReply(reply)
	}
	switch list[0] {
	case any(tagOK):
		pid, _ := list[1].(wnode.Pid)
		return pid, nil
	case any(tagError):
		text, _ := list[1].(string)
		if i := slices.IndexFunc(refusals, func(err error) bool { return err.Error() == text }); i >= 0 {
			return wnode.Pid{}, refusals[i]
		}
		return wnode.Pid{}, &wnode.StartError{Reason: list[1]}
	}
	return wnode.Pid{}, badReply(reply)
}

func badReply(reply any) error {
	return fmt.Errorf("the supervisor's reply %.100v: %w", reply, abi.ErrBadArgument)
}

func parseChildren(reply any) ([]ChildInfo, error) {
	list, ok := reply.([]any)
	if !ok {
		return nil, badReply(reply)
	}
	children := make([]ChildInfo, len(list))
	for i, entry := range list {
		fields, _ := entry.([]any)
		if len(fields) != 3 {
			return nil, badReply(reply)
		}
		info := &children[i]
		info.ID, _ = fields[0].(string)
		info.Pid, _ = fields[1].(wnode.Pid)
		info.Restarting = fields[1] == any("restarting")
		if info.Type, ok = textAs[Type](fields[2]); !ok {
			return nil, badReply(reply)
		}
	}
	return children, nil
}

func parseCounts(reply any) (n Counts, err error) {
	m, ok := reply.(map[any]any)
	if !ok {
		return n, badReply(reply)
	}
	for key, to := range map[string]*int{
		"specs": &n.Specs, "active": &n.Active, "supervisors": &n.Supervisors, "workers": &n.Workers,
	} {
		count, ok := m[key].(int64)
		if !ok {
			return n, badReply(reply)
		}
		*to = int(count)
	}
	return n, nil
}
