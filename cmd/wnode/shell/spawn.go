package shell

import (
	"fmt"

	"github.com/dop251/goja"

	"github.com/wnode/wnode"
	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
)

// encodeArgs gives the arguments from i on as those of a process.
func (e *Evaluator) encodeArgs(a arguments, i int) ([]byte, error) {
	args := []any{}
	for ; i < len(a.list); i++ {
		t, err := e.toTerm(a.list[i])
		if err != nil {
			return nil, fmt.Errorf("argument %d: %w", i+1, err)
		}
		args = append(args, t)
	}
	return term.Encode(args)
}

func (e *Evaluator) spawn(a arguments) (goja.Value, error) {
	return e.spawnHere(a, wnode.SpawnRequest{})
}

func (e *Evaluator) spawnLink(a arguments) (goja.Value, error) {
	return e.spawnHere(a, wnode.SpawnRequest{Link: true})
}

func (e *Evaluator) spawnMonitor(a arguments) (goja.Value, error) {
	return e.spawnHere(a, wnode.SpawnRequest{Monitor: e.newRef()})
}

func (e *Evaluator) nodeSpawn(a arguments) (goja.Value, error) {
	return e.spawnThere(a, wnode.SpawnRequest{})
}

func (e *Evaluator) nodeSpawnLink(a arguments) (goja.Value, error) {
	return e.spawnThere(a, wnode.SpawnRequest{Link: true})
}

func (e *Evaluator) nodeSpawnMonitor(a arguments) (goja.Value, error) {
	return e.spawnThere(a, wnode.SpawnRequest{Monitor: e.newRef()})
}

func (e *Evaluator) newRef() abi.Ref { return e.process.System().NewRef() }

// spawnHere starts the function that the first argument is, with those behind it.
func (e *Evaluator) spawnHere(a arguments, req wnode.SpawnRequest) (v goja.Value, err error) {
	if req.Function, err = a.function(0); err != nil {
		return nil, err
	}
	if req.Args, err = e.encodeArgs(a, 1); err != nil {
		return nil, err
	}
	return e.spawnOn(e.node.ID(), req)
}

// spawnThere starts the function that the second argument is on the node that the first one names.
func (e *Evaluator) spawnThere(a arguments, req wnode.SpawnRequest) (goja.Value, error) {
	name, err := a.text(0)
	if err != nil {
		return nil, err
	}
	if req.Function, err = a.function(1); err != nil {
		return nil, err
	}
	if req.Args, err = e.encodeArgs(a, 2); err != nil {
		return nil, err
	}
	return e.spawnAt(name, req)
}

// spawnAt spawns on the node of a name. One that cannot be reached gives a pid that is of no use, and
// what was asked for besides answers noconnection (RSP-02, RSP-03).
func (e *Evaluator) spawnAt(node string, req wnode.SpawnRequest) (goja.Value, error) {
	id, err := e.resolve(node)
	switch {
	case err == nil:
		return e.spawnOn(id, req)
	case e.ctx.Err() != nil:
		return nil, err
	}
	return e.spawned(e.process.SpawnLost(req, node, err), req.Monitor), nil
}

// spawnOn starts what req says on a node.
func (e *Evaluator) spawnOn(node abi.NodeID, req wnode.SpawnRequest) (goja.Value, error) {
	var pid abi.Pid
	var err error
	ref := req.Monitor
	if ref == (abi.Ref{}) {
		pid, err = e.process.SpawnFunction(e.ctx, node, req)
	} else {
		pid, ref, err = e.process.SpawnMonitor(e.ctx, node, req)
	}
	if err != nil {
		return nil, err
	}
	return e.spawned(pid, ref), nil
}

// spawned gives the pid of a new process, or [pid, ref] when it is monitored.
func (e *Evaluator) spawned(pid abi.Pid, monitor abi.Ref) goja.Value {
	if monitor == (abi.Ref{}) {
		return e.fromTerm(pid)
	}
	return e.rt.NewArray(e.fromTerm(pid), e.fromTerm(monitor))
}
