package guest

import (
	"context"
	"errors"
	"time"

	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/vm"
	"github.com/wnode/wnode/vm/module/rewrite"
)

// waits are the host functions that wait for messages. Guests spend their time with these, so nobody notes where the guest is
// when it calls them: it is woken to tell that when somebody asks ([rewrite.Again]).
var waits = []string{
	abi.ImportModule + ".ask", abi.ImportModule + ".receive", abi.ImportModule + ".send_receive", abi.ImportModule + ".wait",
}

// mayWait are other host functions in which a guest may stand still for long: for those a listener notes
// where the guest is, which takes up to 150 ns. Send is not among them, though it may wait for room: it is
// what guests do most. itself says that the function or what it calls says when the guest stands still.
var mayWait = map[string]struct{ itself bool }{
	"process_info": {itself: true},
	"sleep":        {itself: true}, "spawn": {itself: true}, "spawn_monitor": {itself: true},
	"io_write": {itself: true}, "io_read": {itself: true}, "io_read_line": {itself: true},
	"node_connect": {}, "node_disconnect": {}, "node_ping": {}, "monitor_node": {},
	"send_node": {itself: true}, "global_register": {}, "global_unregister": {},
	"module_load": {},
	"fd_write":    {itself: true}, "fd_read": {itself: true}, "poll_oneoff": {itself: true},
	"sock_accept": {itself: true}, "sock_recv": {itself: true}, "sock_send": {itself: true},
	rewrite.Yield: {itself: true}, rewrite.Where: {itself: true},
}

// stack is where a guest is: the calls that it was in at the last call of a function of [mayWait]. The
// runtime has noted the addresses of at most 30, which become functions only if somebody asks.
type stack struct {
	calls  experimental.StackIterator // nil when frames has them
	frames []vm.Frame
	stale  bool // the guest has called one of [waits] since
}

// interrupted is a wait for messages that the guest is to go on with.
type interrupted struct {
	wait bool
	left time.Duration // as a timeout
}

// awaits begins a wait for messages, or goes on with one: it gives how long to wait, and whether it is the same wait.
func (g *guest) awaits(timeout time.Duration) (left time.Duration, again bool) {
	if g.interrupted.wait {
		g.interrupted.wait = false
		return g.interrupted.left, true
	}
	g.stack.stale = true
	return timeout, false
}

// orAgain gives the result of a wait for messages that came to nothing.
func (g *guest) orAgain(err error) (int64, error) {
	var asked *vm.AskedError
	if !errors.As(err, &asked) {
		return 0, err
	}
	g.interrupted = interrupted{true, asked.Left}
	return rewrite.Again, nil
}

// where is called by a guest that somebody has asked where it is. The listener has noted that.
func where(ctx context.Context, _ []uint64) { ctx.(*guest).process.AnswerStack() }

// inspector lets the machine look into a guest.
type inspector struct{ g *guest }

// Uncounted is what the guest has used of the slice that runs.
func (i inspector) Uncounted() uint64 {
	if i.g.left == nil {
		return 0
	}
	return uint64(int64(i.g.pace.budget()) - int64(api.DecodeI32(i.g.left.Get())))
}

// Stack gives the calls of the guest, and false when it has to be asked.
func (i inspector) Stack() (frames []vm.Frame, ok bool) {
	g := i.g
	if g.stack.stale {
		return nil, false
	}
	calls := g.stack.calls
	if calls == nil {
		return g.stack.frames, true
	}
	g.stack.calls, g.stack.frames = nil, nil
	for calls.Next() && len(g.stack.frames) < maxFrames {
		def := calls.Function().Definition()
		module, function, ok := frameName(def.DebugName(), moduleName(g.fn), g.code.compiled.Name(), g.code.layout)
		if ok {
			g.stack.frames = append(g.stack.frames, vm.Frame{Module: module, Function: function, Arity: len(def.ParamTypes())})
		}
	}
	return g.stack.frames, true
}

// listener notes what the calls of a host function tell of a guest.
type listener struct {
	name  string
	stack bool // where the guest is
	wasi  bool // what WASI's functions do to its instance
}

// Before notes it.
func (l listener) Before(ctx context.Context, _ api.Module, _ api.FunctionDefinition, params []uint64, calls experimental.StackIterator) {
	g, ok := ctx.(*guest)
	if !ok {
		return
	}
	if l.stack {
		g.stack.calls, g.stack.stale = calls, false
	}
	if l.wasi {
		g.affected(l.name, params)
	}
}

// After does nothing.
func (listener) After(context.Context, api.Module, api.FunctionDefinition, []uint64) {}

// Abort does nothing.
func (listener) Abort(context.Context, api.Module, api.FunctionDefinition, error) {}

// both is two listeners, of which only the first looks at the stack.
type both struct{ first, second experimental.FunctionListener }

// Before tells both.
func (b both) Before(ctx context.Context, mod api.Module, def api.FunctionDefinition, params []uint64, calls experimental.StackIterator) {
	b.first.Before(ctx, mod, def, params, calls)
	b.second.Before(ctx, mod, def, params, calls)
}

// After tells both.
func (b both) After(ctx context.Context, mod api.Module, def api.FunctionDefinition, results []uint64) {
	b.first.After(ctx, mod, def, results)
	b.second.After(ctx, mod, def, results)
}

// Abort tells both.
func (b both) Abort(ctx context.Context, mod api.Module, def api.FunctionDefinition, err error) {
	b.first.Abort(ctx, mod, def, err)
	b.second.Abort(ctx, mod, def, err)
}

// withListeners makes a context in which host modules are given the listeners that they need.
func withListeners(ctx context.Context) context.Context {
	return experimental.WithFunctionListenerFactory(ctx, experimental.FunctionListenerFactoryFunc(
		func(def api.FunctionDefinition) experimental.FunctionListener {
			_, waits := mayWait[def.Name()]
			wasi := def.ModuleName() == wasi_snapshot_preview1.ModuleName
			l := listener{def.Name(), waits, wasi && wasiEffects[def.Name()] != harmless}
			if wasi {
				if own := wasiListener(def.Name()); own != nil {
					return both{l, own}
				}
			}
			if l.stack || l.wasi {
				return l
			}
			return nil
		}))
}

// wasiListener gives what else listens to a function of WASI, nil for nothing.
func wasiListener(name string) experimental.FunctionListener {
	switch {
	case name == "fd_write":
		return gatherer{}
	case name == "fd_renumber":
		return renumberGuard{}
	case name == "fd_read":
		return freshRead{}
	case name == "fd_fdstat_get":
		return socketType{}
	case changesFiles(name):
		return fileErrors{}
	}
	return nil
}
