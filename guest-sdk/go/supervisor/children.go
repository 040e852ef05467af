package supervisor

import (
	"errors"

	wnode "github.com/wnode/wnode/guest-sdk/go"
)

// What a supervisor refuses (SUP-06). As terms they are ["error", text].
var (
	ErrNotFound       = errors.New("not_found")       // no child has the id
	ErrRunning        = errors.New("running")         // the child runs
	ErrRestarting     = errors.New("restarting")      // the child is about to be restarted
	ErrAlreadyPresent = errors.New("already_present") // a child that does not run has the id
	ErrDynamic        = errors.New(string(Dynamic))   // not for children of a dynamic supervisor
)

// refusals are the errors that have a text of their own in messages.
var refusals = []error{ErrNotFound, ErrRunning, ErrRestarting, ErrAlreadyPresent, ErrDynamic}

// startChild adds a child and starts it. A child that fails to start leaves no spec. The pid is zero
// for one that declined.
func (c *core) startChild(spec Child) (wnode.Pid, error) {
	if c.flags.Strategy == Dynamic {
		return wnode.Pid{}, ErrDynamic
	}
	spec, err := spec.complete(c.flags)
	if err != nil {
		return wnode.Pid{}, err
	}
	if present := c.find(spec.ID); present != nil {
		if present.pid.IsZero() {
			return wnode.Pid{}, ErrAlreadyPresent
		}
		return wnode.Pid{}, &wnode.StartError{Reason: []any{"already_started", present.pid}}
	}
	return c.startNew(spec)
}

// startDynamic starts a child from the template, with more arguments.
func (c *core) startDynamic(args []any) (wnode.Pid, error) {
	if c.flags.Strategy != Dynamic {
		return wnode.Pid{}, badSpec("no map", args)
	}
	spec := c.template
	spec.Start.Args = append(append([]any{}, spec.Start.Args...), args...)
	return c.startNew(spec)
}

func (c *core) startNew(spec Child) (wnode.Pid, error) {
	ch := c.add(spec)
	if err := c.start(ch); err != nil {
		c.forget(ch)
		c.host.report(startError, spec, wnode.Pid{}, wnode.ReasonOf(err))
		return wnode.Pid{}, err
	}
	return ch.pid, nil
}

// terminateChild stops a child and keeps its spec, unless it is temporary.
func (c *core) terminateChild(id string) error {
	ch, err := c.lookup(id)
	if err != nil {
		return err
	}
	c.stop([]*child{ch})
	return nil
}

// terminateDynamic stops a child of a dynamic supervisor, or of another by its pid.
func (c *core) terminateDynamic(pid wnode.Pid) error {
	ch := c.byPid[pid]
	if ch == nil || c.flags.Strategy != Dynamic {
		return ErrNotFound
	}
	c.stop([]*child{ch})
	return nil
}

// restartChild starts a child that does not run.
func (c *core) restartChild(id string) (wnode.Pid, error) {
	ch, err := c.stopped(id)
	if err != nil {
		return wnode.Pid{}, err
	}
	if err := c.start(ch); err != nil {
		c.host.report(startError, ch.spec, wnode.Pid{}, wnode.ReasonOf(err))
		return wnode.Pid{}, err
	}
	return ch.pid, nil
}

// deleteChild forgets a child that does not run.
func (c *core) deleteChild(id string) error {
	ch, err := c.stopped(id)
	if err == nil {
		c.forget(ch)
	}
	return err
}

func (c *core) lookup(id string) (*child, error) {
	if c.flags.Strategy == Dynamic {
		return nil, ErrDynamic
	}
	if ch := c.find(id); ch != nil {
		return ch, nil
	}
	return nil, ErrNotFound
}

func (c *core) stopped(id string) (*child, error) {
	ch, err := c.lookup(id)
	switch {
	case err != nil:
		return nil, err
	case ch.retrying:
		return nil, ErrRestarting
	case !ch.pid.IsZero():
		return nil, ErrRunning
	}
	return ch, nil
}

// ChildInfo is a child as its supervisor sees it.
type ChildInfo struct {
	ID         string    // empty for children of a dynamic supervisor
	Pid        wnode.Pid // zero for one that does not run
	Restarting bool      // it is about to be started again
	Type       Type
}

// Counts says how many children there are.
type Counts struct {
	Specs       int // specs, also of children that do not run; 1 for a dynamic supervisor
	Active      int // children that run
	Supervisors int // children that are supervisors, whether they run or not
	Workers     int // the others
}

// which lists the children, the last started first.
func (c *core) which() []ChildInfo {
	list := make([]ChildInfo, 0, len(c.children))
	for i := len(c.children) - 1; i >= 0; i-- {
		ch := c.children[i]
		info := ChildInfo{ID: ch.spec.ID, Pid: ch.pid, Restarting: ch.retrying, Type: ch.spec.Type}
		if c.flags.Strategy == Dynamic {
			info.ID = ""
		}
		list = append(list, info)
	}
	return list
}

func (c *core) count() (n Counts) {
	n.Specs = len(c.children)
	if c.flags.Strategy == Dynamic {
		n.Specs = 1
	}
	for _, ch := range c.children {
		if !ch.pid.IsZero() {
			n.Active++
		}
		if ch.spec.Type == Supervisor {
			n.Supervisors++
		} else {
			n.Workers++
		}
	}
	return n
}
