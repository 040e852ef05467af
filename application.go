package wnode

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
)

// DefaultShutdown is how long an application may take to stop: long enough for a tree of supervisors
// each of whose children takes the five seconds that it has.
const DefaultShutdown = 30 * time.Second

// ApplicationSpec describes a tree of processes, by the one at its top: a supervisor, as a rule.
type ApplicationSpec struct {
	// Name is what logs call the application. Required.
	Name string
	// Request says what the top process is. Its Leader is required.
	Request SpawnRequest
	// Shutdown is how long the application may take to stop before it is killed. 0: [DefaultShutdown].
	Shutdown time.Duration
	// Ended is told when the application has ended, on a goroutine of the application's that it must
	// not hold up. nil: nobody is.
	Ended func(*Application)
}

// Application is a tree of processes that a node runs. Its methods may be called concurrently.
type Application struct {
	spec ApplicationSpec
	node *Node
	stop context.CancelFunc
	done chan struct{}

	mu     sync.Mutex
	reason any
}

// StartApplication starts an application. [Node.Close] stops those that run, the last one first,
// before it ends any other process: its top process gets the exit signal shutdown, and stops what is
// below it, the leaves first (SUP-05, SUP-08). The errors are those of a spawn.
func (n *Node) StartApplication(spec ApplicationSpec) (*Application, error) {
	if spec.Shutdown == 0 {
		spec.Shutdown = DefaultShutdown
	}
	ctx, stop := context.WithCancel(context.Background())
	a := &Application{spec: spec, node: n, stop: stop, done: make(chan struct{})}
	started := make(chan error, 1)
	if _, err := n.Spawn("application "+spec.Name, spec.Request.Leader, func(p *Process) Exit {
		defer close(a.done)
		return a.master(ctx, p, started)
	}); err != nil {
		stop()
		return nil, fmt.Errorf("start application %s: %w", spec.Name, err)
	}
	if err := <-started; err != nil {
		<-a.done
		stop()
		return nil, fmt.Errorf("start application %s: %w", spec.Name, err)
	}
	n.applications.add(a)
	return a, nil
}

// master is the process above the application's own. It is linked with the top process, so that neither
// lives without the other, and waits for its end.
func (a *Application) master(ctx context.Context, p *Process, started chan<- error) Exit {
	defer a.stop()
	p.TrapExits(true)
	req := a.spec.Request
	req.Link = true
	pid, ref, err := p.SpawnMonitor(p.Context(), a.node.id, req)
	started <- err
	if err != nil {
		return Normal
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(p.Context(), cancel)()
	reason, err := p.ReceiveDown(ctx, ref)
	if err != nil {
		reason = a.shutDown(p, pid, ref)
	}
	a.mu.Lock()
	a.reason = reason
	a.mu.Unlock()
	if a.spec.Ended != nil {
		a.spec.Ended(a)
	}
	return Normal
}

// shutDown asks the top process to end, and ends it when it does not.
func (a *Application) shutDown(p *Process, pid abi.Pid, ref abi.Ref) (reason any) {
	// The master itself may have been told to end, and has this to do still.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(p.Context()), a.spec.Shutdown)
	defer cancel()
	// Only the end of ctx is an error here, and then the wait has the same.
	_ = p.ExitProcess(ctx, pid, term.MustEncode(abi.ReasonShutdown))
	reason, err := p.ReceiveDown(ctx, ref)
	if err == nil {
		return reason
	}
	a.node.log.Warn("application killed, it did not stop in time", "application", a.spec.Name, "shutdown", a.spec.Shutdown)
	ctx = context.WithoutCancel(ctx)
	_ = p.ExitProcess(ctx, pid, term.MustEncode(abi.ReasonKill))
	reason, _ = p.ReceiveDown(ctx, ref)
	return reason
}

// Name is what the application is called.
func (a *Application) Name() string { return a.spec.Name }

// Done is closed when the application has ended.
func (a *Application) Done() <-chan struct{} { return a.done }

// Reason is the exit reason of the top process, once that has ended.
func (a *Application) Reason() any {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.reason
}

// Failed reports whether the application ended in another way than one that is done does: with
// normal, shutdown or ["shutdown", x] (SUP-03).
func (a *Application) Failed() bool {
	switch reason := a.Reason().(type) {
	case string:
		return reason != abi.ReasonNormal && reason != abi.ReasonShutdown
	case []any:
		return len(reason) != 2 || reason[0] != abi.ReasonShutdown
	}
	return true
}

// Stop stops the application and waits until it has ended, or ctx ends.
func (a *Application) Stop(ctx context.Context) error {
	a.stop()
	select {
	case <-a.done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("stop application %s: %w", a.spec.Name, context.Cause(ctx))
	}
}

// applications are those that a node has started, in that order.
type applications struct {
	mu   sync.Mutex
	list []*Application
}

func (l *applications) add(a *Application) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = append(l.list, a)
}

// stop stops all, the last one first. What does not end in time is left to who ends all processes.
func (l *applications) stop(ctx context.Context) {
	l.mu.Lock()
	list := l.list
	l.list = nil
	l.mu.Unlock()
	for i := len(list) - 1; i >= 0; i-- {
		if list[i].Stop(ctx) != nil {
			return
		}
	}
}

// Shutdown is how long the node's applications may take to stop, all together.
func (n *Node) Shutdown() (sum time.Duration) {
	n.applications.mu.Lock()
	defer n.applications.mu.Unlock()
	for _, a := range n.applications.list {
		sum += a.spec.Shutdown
	}
	return sum
}
