package vm

import (
	"fmt"
	"time"

	"github.com/wnode/wnode/abi"
)

// SpawnOptions say what a new process is.
type SpawnOptions struct {
	// Body is what runs. Required.
	Body Body
	// Label is what people call the process, to begin with: a file name, "shell".
	Label string
	// Function is the code, for a process that has any but Go's.
	Function abi.Function
	// Args are the arguments, an encoded array; nil for none.
	Args []byte
	// Parent is the spawner, on any node; zero for the node itself.
	Parent abi.Pid
	// Leader is the group leader; zero: the process leads itself (GL-08).
	Leader abi.Pid
	// Overflow says what a full mailbox leads to.
	Overflow Overflow
	// Monitor is a monitor that Parent has on the process from its first moment on; zero for none.
	Monitor abi.Ref
	// Link ties the process to Parent from its first moment on.
	Link bool
	// Rights are what the process asks for. It gets no more than its parent has.
	Rights Rights
	// Priority is what the process begins with, as far as its rights allow. 0: [abi.PriorityNormal].
	Priority abi.Priority

	request abi.Ref // of another node; zero for none
}

// Spawn starts a process. The errors are [abi.ErrLimit], which is a [*MemoryError] for a guest when the node has no
// memory left, and, once the system is closed, [abi.ErrTerminated]. Safe for concurrent use.
func (s *System) Spawn(opts SpawnOptions) (abi.Pid, error) {
	p, err := s.prepare(opts)
	if err != nil {
		return abi.Pid{}, err
	}
	p.start(nil)
	return p.pid, nil
}

// prepare enters a process into the table; start, which must follow, lets it run. Signals that
// come in between find it.
func (s *System) prepare(opts SpawnOptions) (*Process, error) {
	parent := s.process(opts.Parent)
	if opts.Link && parent != nil && !parent.mayLink() {
		return nil, fmt.Errorf("spawn %s: link: %w", opts.Label, abi.ErrLimit)
	}
	if err := s.admit(opts.Function); err != nil {
		return nil, fmt.Errorf("spawn %s: %w", opts.Label, err)
	}
	p := &Process{
		sys: s, pid: s.newPid(), started: time.Now(), body: opts.Body, parent: opts.Parent, request: opts.request,
		function: opts.Function, args: opts.Args, overflow: opts.Overflow,
		label: opts.Label, leader: opts.Leader, begun: opts.request == (abi.Ref{}),
	}
	if _, p.scheduled = opts.Body.(Scheduled); !p.scheduled {
		p.wake = make(chan struct{}, 1)
	}
	if p.leader.IsZero() {
		p.leader = p.pid
	}
	p.inherit(parent, opts.Rights)
	p.priority.Store(int32(firstPriority(opts.Priority, p.rights.Limits.Priority)))
	if !p.argsAccount().has(len(opts.Args)) {
		return nil, fmt.Errorf("spawn %s: %w", opts.Label, abi.ErrLimit)
	}
	if err := p.join(); err != nil {
		return nil, fmt.Errorf("spawn %s: %w", opts.Label, err)
	}
	p.argsAccount().charge(len(opts.Args))
	if err := s.table.addProcess(p, func() { s.wg.Add(1) }); err != nil {
		p.leaveFamily()
		return nil, fmt.Errorf("spawn %s: %w", opts.Label, err)
	}
	if parent != nil {
		p.tracing.Store(parent.traced(TraceSetOnSpawn))
		parent.traceSpawn(p.pid, opts.Function)
		p.traceSpawned()
	}
	p.tieToParent(parent, opts.Link, opts.Monitor)
	return p, nil
}

// admit refuses a guest, which runs a function, when the node has no memory left that it could begin with.
func (s *System) admit(fn abi.Function) error {
	if fn == (abi.Function{}) || !s.opts.Memory.full() {
		return nil
	}
	s.opts.MakeRoom(func() bool { return !s.opts.Memory.full() })
	if s.opts.Memory.full() {
		return s.opts.Memory.Full()
	}
	return nil
}

// inherit gives the process its rights and its place among those whose number is bounded. Parent is
// nil when it is on another node, or there is none.
func (p *Process) inherit(parent *Process, asked Rights) {
	most := p.sys.opts.Rights
	switch {
	case parent != nil:
		most, p.family = parent.rights, parent.below
	case !p.parent.IsZero() && p.parent.Node != p.pid.Node:
		most = p.sys.opts.RemoteRights
	}
	p.rights = asked.Within(most)
	p.below = p.family
	guest := p.function != abi.Function{}
	if guest && (p.family == nil || asked.Limits.Children != 0) {
		head := p.pid
		if remote := p.parent; remote.Node != p.pid.Node && !remote.IsZero() {
			head = abi.Pid{Node: remote.Node}
		}
		p.below = newFamily(head, p.family, p.rights.Limits, &p.sys.waiting)
	}
	p.box.account = p.below
	if p.below == nil {
		p.box.account = &family{node: &p.sys.waiting, ours: true}
	}
}

// Origin is who answers for what the process does: the first of the guests that it came of, or the node
// ([abi.NodeProcess]) that asked for that one; the process itself if it is no guest. Safe for concurrent use.
func (p *Process) Origin() abi.Pid {
	if p.below == nil {
		return p.pid
	}
	return p.below.top().head
}

// argsAccount is the family that the arguments are charged to: that of who has given them, if any.
func (p *Process) argsAccount() *family {
	if p.family != nil {
		return p.family
	}
	return p.below
}

// leaveFamily takes back what the process's birth has charged.
func (p *Process) leaveFamily() {
	p.argsAccount().charge(-len(p.args))
	p.leave()
}

// tieToParent makes the link and the monitor that a process is born with (PROC-07). parent is nil
// when it is on another node, whose end is made when the reply arrives there, or has ended.
func (p *Process) tieToParent(parent *Process, linked bool, monitor abi.Ref) {
	p.mu.Lock()
	if monitor != (abi.Ref{}) {
		p.addWatcherLocked(watcher{p.parent, monitor}, false)
		p.sys.held.Add(1)
	}
	remote := p.parent.Node != p.pid.Node
	if linked && remote {
		p.addLinkLocked(p.parent, link{active: true})
	}
	p.mu.Unlock()
	if linked && !remote && (parent == nil || bind(parent, p) != nil) {
		p.exitFromLink(p.parent, reasonNoProcess)
	}
}

// start lets a prepared process run, which [System.Close] waits for. by is the process on whose stack this is
// called, nil for none.
func (p *Process) start(by *Process) {
	if !p.scheduled {
		go p.live()
		return
	}
	p.sys.sched.Start(&p.task, (*life)(p), by.running())
}

// prepareFunction prepares a process for a function. origin is where its module can be had, request that
// node's if it is another one.
func (s *System) prepareFunction(parent abi.Pid, req SpawnRequest, origin abi.NodeID, request abi.Ref) (*Process, error) {
	if s.opts.Loader == nil {
		return nil, fmt.Errorf("spawn %s: %w", req.Function, abi.ErrNotSupported)
	}
	if err := req.validate(); err != nil {
		return nil, fmt.Errorf("spawn %s: %w", req.Function, err)
	}
	if !validArgs(req.Args) {
		return nil, fmt.Errorf("spawn %s: arguments are not an array: %w", req.Function, abi.ErrBadArgument)
	}
	return s.prepare(SpawnOptions{
		Body: s.opts.Loader.Body(req.Function, origin), Label: req.Function.Name, Function: req.Function,
		Args: req.Args, Parent: parent, Leader: req.Leader, Monitor: req.Monitor, Link: req.Link,
		Overflow: req.Overflow, Rights: req.Rights, Priority: req.Priority, request: request,
	})
}
