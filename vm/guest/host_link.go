package guest

import (
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/vm"
)

// maxLabelBytes bounds what a process may call itself.
const maxLabelBytes = 255

func (g *guest) link(c *call) (int64, error) { return 0, g.process.Link(g, c.pid()) }

func (g *guest) unlink(c *call) (int64, error) {
	g.process.Unlink(c.pid())
	return 0, nil
}

func (g *guest) trapExits(c *call) (int64, error) {
	return flag(g.process.TrapExits(c.int32() != 0)), nil
}

func (g *guest) setLabel(c *call) (int64, error) {
	label := string(c.bytes())
	if len(label) > maxLabelBytes || !utf8.ValidString(label) {
		return 0, fmt.Errorf("label of %d bytes: %w", len(label), abi.ErrBadArgument)
	}
	g.process.SetLabel(label)
	return 0, nil
}

func (g *guest) monitor(c *call) (int64, error) {
	pid, out := c.pid(), c.pidOut()
	g.process.Monitor(pid).Append(out)
	return 0, nil
}

// monitorName of a node that cannot be reached is answered like one of a node that is lost (MON-06).
func (g *guest) monitorName(c *call) (int64, error) {
	name, node, out := c.name(), string(c.bytes()), c.pidOut()
	if c.err != nil {
		return 0, c.err
	}
	if node == "" {
		node = g.engine.opts.Nodes.Name()
	}
	id, err := g.resolve(node)
	switch {
	case errors.Is(err, abi.ErrBadArgument):
		return 0, err
	case err != nil:
		g.process.MonitorUnreachable(name, node).Append(out)
	default:
		g.process.MonitorName(name, id, node).Append(out)
	}
	return 0, nil
}

func (g *guest) monitorAlias(c *call) (int64, error) {
	pid, mode, out := c.pid(), c.int32(), c.pidOut()
	if mode < int32(vm.AliasExplicit) || mode > int32(vm.AliasReplyDemonitor) {
		return 0, fmt.Errorf("alias mode %d: %w", mode, abi.ErrBadArgument)
	}
	ref, err := g.process.MonitorAlias(pid, vm.AliasMode(mode))
	if err == nil {
		ref.Append(out)
	}
	return 0, err
}

func (g *guest) demonitor(c *call) (int64, error) {
	ref, flush := c.ref(), c.int32() != 0
	if flush && g.message.current && g.message.ref == ref {
		g.message = seen{}
	}
	return flag(g.process.Demonitor(ref, flush)), nil
}

func (g *guest) alias(c *call) (int64, error) {
	mode, out := c.int32(), c.pidOut()
	if mode != int32(vm.AliasExplicit) && mode != int32(vm.AliasReply) {
		return 0, fmt.Errorf("alias mode %d: %w", mode, abi.ErrBadArgument)
	}
	ref, err := g.process.Alias(vm.AliasMode(mode))
	if err == nil {
		ref.Append(out)
	}
	return 0, err
}

func (g *guest) unalias(c *call) (int64, error) { return flag(g.process.Unalias(c.ref())), nil }
