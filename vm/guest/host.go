package guest

import (
	"context"
	"errors"
	"fmt"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/vm"
)

// hostFunction does what one function of [abi.Functions] says. It reads all of its parameters, in
// the order of the table, before it does anything: a bad address then traps without any effect.
// The result is what the table says for success.
type hostFunction func(*guest, *call) (int64, error)

// hostFunctions has the functions of [abi.Functions] by name.
var hostFunctions = map[string]hostFunction{
	"self":         (*guest).self,
	"spawn":        (*guest).spawn,
	"exit":         (*guest).exitSelf,
	"crash":        (*guest).crash,
	"exit_process": (*guest).exitProcess,
	"is_alive":     (*guest).isAlive,
	"process_info": (*guest).processInfo,
	"args":         (*guest).args,
	"monitor":      (*guest).monitor,
	"demonitor":    (*guest).demonitor,

	"spawn_monitor": (*guest).spawnMonitor,
	"link":          (*guest).link,
	"unlink":        (*guest).unlink,
	"trap_exits":    (*guest).trapExits,
	"set_label":     (*guest).setLabel,
	"set_priority":  (*guest).setPriority,
	"monitor_name":  (*guest).monitorName,
	"monitor_alias": (*guest).monitorAlias,
	"alias":         (*guest).alias,
	"unalias":       (*guest).unalias,

	"receive":        (*guest).receive,
	"wait":           (*guest).wait,
	"ask":            (*guest).ask,
	"send_receive":   (*guest).sendReceive,
	"message_kind":   (*guest).messageKind,
	"message_sender": (*guest).messageSender,
	"read":           (*guest).readMessage,
	"take":           (*guest).take,
	"skip":           (*guest).skip,
	"rewind":         (*guest).rewind,
	"mark":           (*guest).mark,

	"send":        (*guest).send,
	"send_name":   (*guest).sendName,
	"send_node":   (*guest).sendNode,
	"send_global": (*guest).sendGlobal,
	"send_with":   (*guest).sendWith,

	"send_node_with": (*guest).sendNodeWith,

	"send_after":      (*guest).sendAfter,
	"send_name_after": (*guest).sendNameAfter,
	"start_timer":     (*guest).startTimer,
	"cancel_timer":    (*guest).cancelTimer,
	"read_timer":      (*guest).readTimer,

	"register":          (*guest).register,
	"unregister":        (*guest).unregister,
	"whereis":           (*guest).whereis,
	"global_register":   (*guest).globalRegister,
	"global_unregister": (*guest).globalUnregister,
	"global_whereis":    (*guest).globalWhereis,

	"node_name":       (*guest).nodeName,
	"node_list":       (*guest).nodeList,
	"node_connect":    (*guest).nodeConnect,
	"node_disconnect": (*guest).nodeDisconnect,
	"node_ping":       (*guest).nodePing,
	"monitor_node":    (*guest).monitorNode,
	"monitor_nodes":   (*guest).monitorNodes,

	"group_leader":     (*guest).groupLeader,
	"set_group_leader": (*guest).setGroupLeader,
	"io_write":         (*guest).ioWrite,
	"io_read_line":     (*guest).ioReadLine,
	"io_read":          (*guest).ioRead,

	"module_hash":   (*guest).moduleHash,
	"module_load":   (*guest).moduleLoad,
	"module_exists": (*guest).moduleExists,

	"monotonic_time": (*guest).monotonicTime,
	"system_time":    (*guest).systemTime,
	"sleep":          (*guest).sleep,

	"log": (*guest).log,
}

// needed are the permissions that host functions need as a whole. Others are denied by the machine
// where they depend on who is meant.
var needed = map[string]vm.Permissions{
	"register":          vm.PermitNames,
	"unregister":        vm.PermitNames,
	"global_register":   vm.PermitGlobalNames,
	"global_unregister": vm.PermitGlobalNames,
	"node_connect":      vm.PermitConnect,
	"node_disconnect":   vm.PermitConnect,
	"node_ping":         vm.PermitConnect,
	"monitor_node":      vm.PermitConnect,
}

// addHostFunctions makes the import module of [abi.Functions].
func addHostFunctions(ctx context.Context, r wazero.Runtime) error {
	module := r.NewHostModuleBuilder(abi.ImportModule)
	for _, f := range abi.Functions {
		function, ok := hostFunctions[f.Name]
		if !ok {
			return fmt.Errorf("host function %s is not implemented", f.Name)
		}
		params, results := f.Signature()
		module.NewFunctionBuilder().
			WithGoModuleFunction(caller(f, function), valueTypesOf(params), valueTypesOf(results)).
			Export(f.Name)
	}
	if _, err := module.Instantiate(ctx); err != nil {
		return fmt.Errorf("host functions: %w", err)
	}
	return nil
}

func valueTypesOf(values []abi.ValueType) []api.ValueType {
	types := make([]api.ValueType, len(values))
	for i, v := range values {
		types[i] = api.ValueType(v) // both are those of the binary format
	}
	return types
}

// caller makes what the runtime calls for a host function. A process that has been told to end
// neither does anything more nor gets control back (W-07).
func caller(f abi.Func, function hostFunction) api.GoModuleFunc {
	wide, permission := f.Result == abi.ResultTime, needed[f.Name]
	if wait, ok := mayWait[f.Name]; ok && !wait.itself {
		function = standingStill(function)
	}
	if permission != 0 {
		function = permitted(permission, function)
	}
	return func(ctx context.Context, module api.Module, stack []uint64) {
		g := ctx.(*guest)
		g.checkAlive()
		g.differs(f.Name)
		c := &g.call
		c.guest, c.module, c.stack, c.next, c.err = g, module, stack, 0, nil
		result, err := function(g, c)
		if g.work++; g.work >= workPerCheck {
			g.checkTurn()
		}
		g.checkAlive()
		if err != nil {
			result = int64(g.errno(f, err))
		}
		if wide {
			stack[0] = api.EncodeI64(result)
			return
		}
		stack[0] = api.EncodeI32(int32(result))
	}
}

// permitted makes a function that only those may call who have a permission.
func permitted(permission vm.Permissions, function hostFunction) hostFunction {
	return func(g *guest, c *call) (int64, error) {
		if err := g.process.Permitted(permission); err != nil {
			return 0, err
		}
		return function(g, c)
	}
}

// standingStill makes a function during which the process stands still.
func standingStill(function hostFunction) hostFunction {
	return func(g *guest, c *call) (int64, error) {
		defer g.away()()
		return function(g, c)
	}
}

// errno gives the number that stands for an error. One that has none is a failure of something
// outside the process.
func (g *guest) errno(f abi.Func, err error) abi.Errno {
	var errno abi.Errno
	if errors.As(err, &errno) {
		return errno
	}
	g.engine.opts.Logger.Debug("host function failed", "function", f.Name, "pid", g.process.Pid().Text(0), "err", err)
	return abi.ErrIO
}
