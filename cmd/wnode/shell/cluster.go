package shell

import (
	"github.com/dop251/goja"

	"github.com/wnode/wnode/abi"
)

var nodeBuiltins = []builtin{
	{"Node.self", "", "The name of this node.", func(e *Evaluator, _ arguments) (goja.Value, error) {
		return e.rt.ToValue(e.node.Name()), nil
	}},
	{"Node.list", "", "The names of the nodes that this one is connected to.", func(e *Evaluator, _ arguments) (goja.Value, error) {
		return e.texts(e.node.Nodes()), nil
	}},
	{"Node.connect", "node", "Connects to a node, \"name@host\" or \"name@host:port\".\ntrue: connected, also when it was before; false: for any reason not, which the log may tell.", (*Evaluator).nodeConnect},
	{"Node.disconnect", "node", "Disconnects from a node. true when it was connected.", (*Evaluator).nodeDisconnect},
	{"Node.ping", "node", "Connects to a node if need be: \"pong\" when it answers, else \"pang\".", (*Evaluator).nodePing},
	{"Node.monitor", "node, on", "Connects to a node if need be and asks for [\"nodedown\", node] when it is lost. With on\nfalse, takes one back. Gives true, or whether there was one.", (*Evaluator).nodeMonitor},
	{"Node.monitor_nodes", "on", "Asks for [\"nodeup\", node, info] and [\"nodedown\", node, info] of all nodes. With on false,\ntakes one back. Gives true, or whether there was one.", (*Evaluator).nodeMonitorAll},
	{"Node.spawn", "node, f, ...args", "Starts a process on a node, as spawn does here, and gives its pid. The module\ntravels there if need be; the output comes to this shell's group leader.", (*Evaluator).nodeSpawn},
	{"Node.spawn_link", "node, f, ...args", "Does what Node.spawn does, and links the process with this shell from the start.", (*Evaluator).nodeSpawnLink},
	{"Node.spawn_monitor", "node, f, ...args", "Does what Node.spawn does, and monitors the process from the start. Gives [pid, ref].", (*Evaluator).nodeSpawnMonitor},
}

func (e *Evaluator) texts(list []string) goja.Value {
	values := make([]any, len(list))
	for i, s := range list {
		values[i] = s
	}
	return e.rt.NewArray(values...)
}

// nodeConnect does not tell the causes of a failure apart (DIST-02).
func (e *Evaluator) nodeConnect(a arguments) (goja.Value, error) {
	name, err := a.text(0)
	if err != nil {
		return nil, err
	}
	return e.rt.ToValue(name == e.node.Name() || e.node.Connect(e.ctx, name) == nil), nil
}

func (e *Evaluator) nodeDisconnect(a arguments) (goja.Value, error) {
	name, err := a.text(0)
	if err != nil {
		return nil, err
	}
	return e.rt.ToValue(e.node.Disconnect(e.ctx, name)), nil
}

func (e *Evaluator) nodePing(a arguments) (goja.Value, error) {
	name, err := a.text(0)
	if err != nil {
		return nil, err
	}
	if name == e.node.Name() || e.node.Ping(e.ctx, name) { // DIST-03
		return e.rt.ToValue("pong"), nil
	}
	return e.rt.ToValue("pang"), nil
}

func (e *Evaluator) nodeMonitor(a arguments) (goja.Value, error) {
	name, err := a.text(0)
	if err != nil {
		return nil, err
	}
	if off(a.at(1)) {
		return e.rt.ToValue(e.process.DemonitorNode(name)), nil
	}
	err = e.process.MonitorNode(name, func() error {
		if name == e.node.Name() {
			return nil
		}
		return e.node.Connect(e.ctx, name)
	})
	return e.rt.ToValue(true), err
}

func (e *Evaluator) nodeMonitorAll(a arguments) (goja.Value, error) {
	if off(a.at(0)) {
		return e.rt.ToValue(e.process.DemonitorNodes()), nil
	}
	return e.rt.ToValue(true), e.process.MonitorNodes()
}

// off reports whether an argument that may be left out is there, and false.
func off(v goja.Value) bool { return !goja.IsUndefined(v) && !v.ToBoolean() }

// resolve gives the id of a node, this one's without asking anyone.
func (e *Evaluator) resolve(name string) (abi.NodeID, error) {
	if name == e.node.Name() {
		return e.node.ID(), nil
	}
	return e.node.Resolve(e.ctx, name)
}
