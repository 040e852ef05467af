package guest

import (
	"fmt"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
)

func (g *guest) register(c *call) (int64, error) {
	name, pid := c.name(), c.pid()
	if c.err != nil {
		return 0, c.err
	}
	if pid.Node != g.process.Pid().Node {
		return 0, fmt.Errorf("register a process of another node: %w", abi.ErrBadArgument)
	}
	if !g.process.System().Alive(pid) {
		return 0, abi.ErrNoProcess
	}
	return 0, g.engine.opts.Names.Register(name, pid)
}

func (g *guest) unregister(c *call) (int64, error) {
	name := c.name()
	if c.err != nil {
		return 0, c.err
	}
	return 0, g.engine.opts.Names.Unregister(name)
}

func (g *guest) whereis(c *call) (int64, error) {
	return found(c, g.engine.opts.Names.Whereis)
}

// found writes the pid that has a name.
func found(c *call, whereis func(name string) (abi.Pid, bool)) (int64, error) {
	name, out := c.name(), c.pidOut()
	if c.err != nil {
		return 0, c.err
	}
	pid, ok := whereis(name)
	if !ok {
		return 0, abi.ErrNoName
	}
	pid.Append(out)
	return 0, nil
}

func (g *guest) globalRegister(c *call) (int64, error) {
	name, pid := c.name(), c.pid()
	if c.err != nil {
		return 0, c.err
	}
	if pid.IsZero() {
		return 0, abi.ErrBadArgument
	}
	return 0, g.engine.opts.Globals.Register(g, name, pid)
}

func (g *guest) globalUnregister(c *call) (int64, error) {
	name := c.name()
	if c.err != nil {
		return 0, c.err
	}
	return 0, g.engine.opts.Globals.Unregister(g, name)
}

func (g *guest) globalWhereis(c *call) (int64, error) {
	return found(c, g.engine.opts.Globals.Whereis)
}

func (g *guest) nodeName(c *call) (int64, error) {
	return fill(c.buffer(), []byte(g.engine.opts.Nodes.Name())), nil
}

func (g *guest) nodeList(c *call) (int64, error) {
	buffer := c.buffer()
	names, err := term.Encode(g.engine.opts.Nodes.Nodes())
	if err != nil {
		return 0, fmt.Errorf("list of nodes: %w", err)
	}
	return fill(buffer, names), nil
}

func (g *guest) nodeConnect(c *call) (int64, error) {
	name := c.name()
	if c.err != nil {
		return 0, c.err
	}
	if err := g.engine.opts.Nodes.Connect(g, name); err != nil {
		return 0, err
	}
	return 1, nil
}

func (g *guest) nodeDisconnect(c *call) (int64, error) {
	name := c.name()
	if c.err != nil {
		return 0, c.err
	}
	return flag(g.engine.opts.Nodes.Disconnect(g, name)), nil
}

func (g *guest) nodePing(c *call) (int64, error) {
	name := c.name()
	if c.err != nil {
		return 0, c.err
	}
	return flag(g.engine.opts.Nodes.Ping(g, name)), nil
}

func (g *guest) monitorNode(c *call) (int64, error) {
	name, on := c.name(), c.int32() != 0
	switch {
	case c.err != nil:
		return 0, c.err
	case !on:
		return flag(g.process.DemonitorNode(name)), nil
	}
	nodes := g.engine.opts.Nodes
	return 0, g.process.MonitorNode(name, func() error {
		if name == nodes.Name() {
			return nil
		}
		return nodes.Connect(g, name)
	})
}

func (g *guest) monitorNodes(c *call) (int64, error) {
	if c.int32() == 0 {
		return flag(g.process.DemonitorNodes()), nil
	}
	return 0, g.process.MonitorNodes()
}
