package supervisor

import (
	wnode "github.com/wnode/wnode/guest-sdk/go"
	"github.com/wnode/wnode/guest-sdk/go/server"
)

// Register makes a tree known under a name, so that [StartLink] and specs of other supervisors can
// start it; see wnode.StartFunc. init says what its supervisor supervises; an error of its own ends
// the start, and wnode.ErrIgnored declines it.
func Register(name string, init func(args []any) (Flags, []Child, error)) {
	server.Register(name, func() server.Server { return &supervisor{name: name, init: init} })
}

// StartLink starts a supervisor that is linked with this process and waits until its children have
// started. When this process ends, the supervisor stops its children and ends for the same reason
// (SUP-08). Errors: those of server.StartLink; the reason is that of SUP-06 when a child failed.
func StartLink(name string, args []any, o server.Options) (wnode.Pid, error) {
	return server.StartLink(name, args, o)
}

// StartChild adds a child and starts it. Its pid is zero when it declined to run. Errors:
// [ErrAlreadyPresent], [ErrDynamic]; a *wnode.StartError with ["already_started", pid], or what the
// child failed with; those of wnode.Call.
func StartChild(to wnode.Address, c Child) (wnode.Pid, error) {
	return change(to, startChild, c.Term())
}

// StartDynamic starts a child of a dynamic supervisor, with args after those of the spec. Errors: as
// [StartChild].
func StartDynamic(to wnode.Address, args ...any) (wnode.Pid, error) {
	return change(to, startChild, append([]any{}, args...))
}

// TerminateChild stops a child and keeps its spec, unless it is temporary. Errors: [ErrNotFound],
// [ErrDynamic], those of wnode.Call.
func TerminateChild(to wnode.Address, id string) error {
	_, err := change(to, terminateChild, id)
	return err
}

// TerminateDynamic stops a child of a dynamic supervisor. Errors: as [TerminateChild].
func TerminateDynamic(to wnode.Address, pid wnode.Pid) error {
	_, err := change(to, terminateChild, pid)
	return err
}

// RestartChild starts a child that was terminated or has ended. Errors: [ErrNotFound], [ErrRunning],
// [ErrRestarting], [ErrDynamic]; a *wnode.StartError; those of wnode.Call.
func RestartChild(to wnode.Address, id string) (wnode.Pid, error) {
	return change(to, restartChild, id)
}

// DeleteChild forgets a child that does not run. Errors: as [RestartChild].
func DeleteChild(to wnode.Address, id string) error {
	_, err := change(to, deleteChild, id)
	return err
}

// WhichChildren lists the children, the last started first. Errors: those of wnode.Call.
func WhichChildren(to wnode.Address) ([]ChildInfo, error) {
	reply, err := wnode.Call(to, whichChildren, wnode.Infinity)
	if err != nil {
		return nil, err
	}
	return parseChildren(reply)
}

// CountChildren counts the children. Errors: those of wnode.Call.
func CountChildren(to wnode.Address) (Counts, error) {
	reply, err := wnode.Call(to, countChildren, wnode.Infinity)
	if err != nil {
		return Counts{}, err
	}
	return parseCounts(reply)
}

// change asks for a change, which may take as long as a child takes to start or to stop.
func change(to wnode.Address, what string, argument any) (wnode.Pid, error) {
	reply, err := wnode.Call(to, []any{what, argument}, wnode.Infinity)
	if err != nil {
		return wnode.Pid{}, err
	}
	return outcome(reply)
}

// supervisor is the server around a core.
type supervisor struct {
	server.Base

	name string
	init func(args []any) (Flags, []Child, error)
	core *core
}

func (s *supervisor) Init(args []any) (server.Next, error) {
	if _, err := wnode.TrapExits(true); err != nil {
		return server.Next{}, err
	}
	flags, children, err := s.init(args)
	if err != nil {
		return server.Next{}, err
	}
	if s.core, err = newCore(flags, children, &node{name: s.name}); err != nil {
		return server.Next{}, err
	}
	return server.Next{}, s.core.boot()
}

func (s *supervisor) HandleCall(request any, from server.From) server.Next {
	reply, known := s.core.answer(request)
	if !known {
		return s.Base.HandleCall(request, from)
	}
	return server.Reply(reply)
}

// HandleCast hears what the supervisor tells itself.
func (s *supervisor) HandleCast(request any) server.Next {
	list, _ := request.([]any)
	if len(list) == 2 && list[0] == any(tryAgain) {
		if key, ok := list[1].(int64); ok {
			return next(s.core.retry(uint64(key)))
		}
	}
	return server.Next{}
}

func (s *supervisor) HandleInfo(message wnode.Message) server.Next {
	exit, ok := message.Exit()
	return next(ok && s.core.exited(exit.Pid, exit.Reason))
}

func (s *supervisor) Terminate(any) { s.core.shutdown() }

// next ends a supervisor whose core says so.
func next(ends bool) server.Next {
	if ends {
		return server.End("shutdown")
	}
	return server.Next{}
}
