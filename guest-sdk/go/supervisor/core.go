package supervisor

import (
	"errors"
	"slices"
	"time"

	"github.com/wnode/wnode/abi"
	wnode "github.com/wnode/wnode/guest-sdk/go"
)

// host is what the core has done for it. Nothing else reaches a node or a clock.
type host interface {
	// start starts a child, linked, and waits until it has started. wnode.ErrIgnored: it declined.
	start(c Child) (wnode.Pid, error)
	// stop stops running children, all at the same time, and waits until they have ended: it gives
	// their reasons. No exit of one of them is told to the core afterwards.
	stop(targets []target) (reasons []any)
	// retry has the core's retry called with the key, soon.
	retry(key uint64)
	// now is the time on a clock that never goes back.
	now() time.Duration
	// report tells people what happened to a child.
	report(context string, c Child, pid wnode.Pid, reason any)
}

// target is a child to be stopped.
type target struct {
	pid      wnode.Pid
	shutdown time.Duration
}

// The contexts of reports (LOG-06).
const (
	childTerminated = "child_terminated"
	startError      = "start_error"
	shutdownError   = "shutdown_error"
	shutdownContext = "shutdown"
)

// child is a spec and the process that runs by it. A pid makes it running; retrying stands for one
// whose restart failed and is to be tried again; it is stopped otherwise.
type child struct {
	key      uint64
	spec     Child
	pid      wnode.Pid
	retrying bool
}

// core decides what a supervisor does. Its methods that report an end mean that the supervisor is to
// stop its children and end with "shutdown".
type core struct {
	flags    Flags
	host     host
	template Child    // of a dynamic supervisor
	children []*child // in the order of their starts
	byPid    map[wnode.Pid]*child
	keys     uint64          // the last key given
	restarts []time.Duration // when, within the period
}

// newCore checks the flags and specs. The errors have the reasons of bad specs.
func newCore(f Flags, specs []Child, h host) (*core, error) {
	f, err := f.complete()
	if err != nil {
		return nil, err
	}
	c := &core{flags: f, host: h, byPid: map[wnode.Pid]*child{}}
	if f.Strategy == Dynamic && len(specs) != 1 {
		return nil, badSpec("simple_one_for_one", len(specs))
	}
	for _, spec := range specs {
		spec, err := spec.complete(f)
		switch {
		case err != nil:
			return nil, err
		case f.Strategy == Dynamic:
			c.template = spec
		case c.find(spec.ID) != nil:
			return nil, badSpec("duplicate_child_name", spec.ID)
		default:
			c.add(spec)
		}
	}
	return c, nil
}

func (c *core) add(spec Child) *child {
	c.keys++
	ch := &child{key: c.keys, spec: spec}
	c.children = append(c.children, ch)
	return ch
}

func (c *core) find(id string) *child {
	i := slices.IndexFunc(c.children, func(ch *child) bool { return ch.spec.ID == id })
	if i < 0 {
		return nil
	}
	return c.children[i]
}

// boot starts the children in order (SUP-01). When one fails those before it are stopped, and the
// reason is ["shutdown", ["failed_to_start_child", id, reason]] (SUP-06).
func (c *core) boot() error {
	failed, err := c.startAll(slices.Clone(c.children))
	if err == nil {
		return nil
	}
	c.host.report(startError, failed.spec, wnode.Pid{}, wnode.ReasonOf(err))
	c.shutdown()
	reason := []any{abi.ReasonShutdown, []any{"failed_to_start_child", failed.spec.ID, wnode.ReasonOf(err)}}
	return &wnode.ExitError{Reason: reason}
}

// startAll starts children in order and stops at the first that fails.
func (c *core) startAll(children []*child) (failed *child, err error) {
	for _, ch := range children {
		if err := c.start(ch); err != nil {
			return ch, err
		}
	}
	return nil, nil
}

// start starts a child. One that declines is stopped; a temporary one is forgotten then.
func (c *core) start(ch *child) error {
	pid, err := c.host.start(ch.spec)
	ch.retrying = false
	switch {
	case errors.Is(err, wnode.ErrIgnored):
		c.ended(ch)
		return nil
	case err != nil:
		return err
	}
	ch.pid = pid
	c.byPid[pid] = ch
	return nil
}

// ended notes that a child does not run. A temporary child is forgotten (SUP-03), as is any of a
// dynamic supervisor.
func (c *core) ended(ch *child) {
	delete(c.byPid, ch.pid)
	ch.pid, ch.retrying = wnode.Pid{}, false
	if ch.spec.Restart == Temporary || c.flags.Strategy == Dynamic {
		c.forget(ch)
	}
}

func (c *core) forget(ch *child) {
	c.children = slices.DeleteFunc(c.children, func(other *child) bool { return other == ch })
}

// shutdown stops all children, in the reverse order of their starts; those of a dynamic supervisor
// all at the same time.
func (c *core) shutdown() { c.stop(slices.Clone(c.children)) }

// stop stops those of the children that run, the last first.
func (c *core) stop(children []*child) {
	running := slices.DeleteFunc(children, func(ch *child) bool {
		if ch.pid.IsZero() {
			c.ended(ch)
			return true
		}
		return false
	})
	slices.Reverse(running)
	if c.flags.Strategy == Dynamic {
		c.stopTogether(running)
		return
	}
	for i := range running {
		c.stopTogether(running[i : i+1])
	}
}

func (c *core) stopTogether(children []*child) {
	targets := make([]target, len(children))
	for i, ch := range children {
		targets[i] = target{ch.pid, ch.spec.Shutdown}
	}
	for i, reason := range c.host.stop(targets) {
		ch := children[i]
		if !expected(ch.spec, reason) {
			c.host.report(shutdownError, ch.spec, ch.pid, reason)
		}
		c.ended(ch)
	}
}

// expected reports whether a child that was stopped ended as it should.
func expected(spec Child, reason any) bool {
	text, _ := reason.(string)
	switch {
	case spec.Shutdown == BrutalKill:
		return text == abi.ReasonKilled
	case text == abi.ReasonNormal:
		return spec.Restart != Permanent
	}
	return wnode.IsOrderly(reason)
}

// exited handles the end of a process. One that is no child, or none any more, is nothing to it.
func (c *core) exited(pid wnode.Pid, reason any) (ends bool) {
	ch := c.byPid[pid]
	if ch == nil {
		return false
	}
	orderly := wnode.IsOrderly(reason)
	if ch.spec.Restart == Permanent || !orderly {
		c.host.report(childTerminated, ch.spec, pid, reason)
	}
	if ch.spec.Restart == Permanent || ch.spec.Restart == Transient && !orderly {
		delete(c.byPid, pid)
		ch.pid = wnode.Pid{}
		return c.restart(ch)
	}
	c.ended(ch)
	return c.autoShutdown(ch)
}

// autoShutdown reports whether the supervisor ends because this child did (SUP-07).
func (c *core) autoShutdown(ch *child) (ends bool) {
	if !ch.spec.Significant {
		return false
	}
	if c.flags.AutoShutdown == AnySignificant {
		return true
	}
	return !slices.ContainsFunc(c.children, func(other *child) bool {
		return other.spec.Significant && (!other.pid.IsZero() || other.retrying)
	})
}

// retry tries again to restart a child, unless somebody has taken care of it since.
func (c *core) retry(key uint64) (ends bool) {
	i := slices.IndexFunc(c.children, func(ch *child) bool { return ch.key == key && ch.retrying })
	return i >= 0 && c.restart(c.children[i])
}

// restart restarts what the strategy says for a child that does not run (SUP-02). When a start fails
// it is tried again, which counts as one more restart.
func (c *core) restart(ch *child) (ends bool) {
	if !c.mayRestart() {
		c.host.report(shutdownContext, ch.spec, wnode.Pid{}, "reached_max_restart_intensity")
		c.ended(ch)
		return true
	}
	affected := []*child{ch}
	switch c.flags.Strategy {
	case RestForOne:
		affected = slices.Clone(c.children[slices.Index(c.children, ch):])
	case OneForAll:
		affected = slices.Clone(c.children)
	}
	if len(affected) > 1 {
		c.stop(slices.Clone(affected))
		affected = slices.DeleteFunc(affected, func(ch *child) bool { return !slices.Contains(c.children, ch) })
	}
	if failed, err := c.startAll(affected); err != nil {
		c.host.report(startError, failed.spec, wnode.Pid{}, wnode.ReasonOf(err))
		failed.retrying = true
		c.host.retry(failed.key)
	}
	return false
}

// mayRestart counts a restart and reports whether there may be so many within the period (SUP-04).
func (c *core) mayRestart() bool {
	now := c.host.now()
	c.restarts = slices.DeleteFunc(c.restarts, func(at time.Duration) bool { return now-at > c.flags.Period })
	c.restarts = append(c.restarts, now)
	return len(c.restarts) <= c.flags.Intensity
}
