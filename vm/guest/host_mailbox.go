package guest

import (
	"errors"
	"time"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/vm"
)

// seen is what the guest knows of its mailbox: the message that it looked at last.
type seen struct {
	current bool // the message is still in the mailbox, at the cursor
	known   bool // kind, from and ref are those of a message: the current one or the one taken last
	kind    abi.MessageKind
	from    abi.Pid
	ref     abi.Ref
}

// look notes the message that is current, or that has just been taken.
func (g *guest) look(a vm.Arrival, current bool) {
	g.message = seen{current: current, known: true, kind: a.Kind, from: a.From, ref: a.Ref}
}

func (g *guest) receive(c *call) (int64, error) {
	timeout, buffer := c.duration(), c.buffer()
	if c.err != nil {
		return 0, c.err
	}
	left, _ := g.awaits(timeout)
	return g.receiveInto(left, buffer)
}

func (g *guest) sendReceive(c *call) (int64, error) {
	to, message, timeout, buffer := c.pid(), c.bytes(), c.duration(), c.buffer()
	if c.err != nil {
		return 0, c.err
	}
	left, again := g.awaits(timeout)
	if !again {
		if err := g.process.SendCopy(g, to, message); err != nil {
			return 0, err
		}
	}
	return g.receiveInto(left, buffer)
}

func (g *guest) receiveInto(timeout time.Duration, buffer []byte) (int64, error) {
	a, err := g.process.ReceiveInto(timeout, buffer)
	if err != nil {
		return g.orAgain(err)
	}
	g.look(a, a.Size > len(buffer))
	return int64(a.Size), nil
}

func (g *guest) wait(c *call) (int64, error) {
	timeout := c.duration()
	if c.err != nil {
		return 0, c.err
	}
	left, _ := g.awaits(timeout)
	a, err := g.process.WaitArrival(left)
	if err != nil {
		return g.orAgain(err)
	}
	g.look(a, true)
	return int64(a.Size), nil
}

func (g *guest) ask(c *call) (int64, error) {
	to, request, timeout, buffer, sender := c.pid(), c.bytes(), c.duration(), c.buffer(), c.pidOut()
	if c.err != nil {
		return 0, c.err
	}
	left, again := g.awaits(timeout)
	if !again {
		if err := g.process.SendCopy(g, to, request); err != nil {
			return 0, err
		}
	}
	a, err := g.process.WaitArrival(left)
	if err != nil {
		return g.orAgain(err)
	}
	g.look(a, true)
	a.From.Append(sender)
	g.process.CopyCurrent(buffer)
	return int64(a.Size), nil
}

func (g *guest) messageKind(*call) (int64, error) {
	if !g.message.known {
		return 0, abi.ErrBadArgument
	}
	return int64(g.message.kind), nil
}

func (g *guest) messageSender(c *call) (int64, error) {
	out := c.pidOut()
	if !g.message.known {
		return 0, abi.ErrBadArgument
	}
	g.message.from.Append(out)
	return 0, nil
}

func (g *guest) readMessage(c *call) (int64, error) {
	buffer := c.buffer()
	if !g.message.current {
		return 0, abi.ErrBadArgument
	}
	size, ok := g.process.CopyCurrent(buffer)
	if !ok {
		return 0, abi.ErrBadArgument
	}
	return int64(size), nil
}

func (g *guest) take(*call) (int64, error) {
	if !g.message.current {
		return 0, abi.ErrBadArgument
	}
	a, ok := g.process.Discard()
	if !ok {
		return 0, abi.ErrBadArgument
	}
	g.look(a, false)
	return 0, nil
}

func (g *guest) skip(*call) (int64, error) {
	if !g.message.current || !g.process.Skip() {
		return 0, abi.ErrBadArgument
	}
	g.message = seen{}
	return 0, nil
}

func (g *guest) rewind(*call) (int64, error) {
	g.process.Rewind()
	g.message = seen{}
	return 0, nil
}

func (g *guest) mark(*call) (int64, error) {
	g.process.Mark()
	g.message = seen{}
	return 0, nil
}

func (g *guest) send(c *call) (int64, error) {
	to, message := c.pid(), c.bytes()
	return 0, g.process.SendCopy(g, to, message)
}

func (g *guest) sendName(c *call) (int64, error) {
	name, message := c.name(), c.bytes()
	if c.err != nil {
		return 0, c.err
	}
	return 0, g.process.SendName(g, name, g.process.Clone(message))
}

func (g *guest) sendNode(c *call) (int64, error) {
	name, node, message := c.name(), c.name(), c.bytes()
	if c.err != nil {
		return 0, c.err
	}
	id, err := g.resolve(node)
	if errors.Is(err, abi.ErrNotConnected) {
		return 0, nil // SIG-06: the message is lost
	}
	if err != nil {
		return 0, err
	}
	return 0, g.process.SendNode(g, name, id, g.process.Clone(message))
}

func (g *guest) sendWith(c *call) (int64, error) {
	to, flags, message := c.pid(), abi.SendFlags(c.int32()), c.bytes()
	return 0, g.process.SendWith(g, flags, to, g.process.Clone(message))
}

func (g *guest) sendNodeWith(c *call) (int64, error) {
	name, node, flags, message := c.name(), c.name(), abi.SendFlags(c.int32()), c.bytes()
	switch {
	case c.err != nil:
		return 0, c.err
	case !flags.Valid():
		return 0, abi.ErrBadArgument
	}
	noConnect := flags&abi.SendNoConnect != 0
	if noConnect && !g.connected(node) {
		return 0, abi.ErrNotConnected
	}
	id, err := g.resolve(node)
	if errors.Is(err, abi.ErrNotConnected) && !noConnect {
		return 0, nil // SIG-06: the message is lost
	}
	if err != nil {
		return 0, err
	}
	return 0, g.process.SendNodeWith(g, flags, name, id, g.process.Clone(message))
}

func (g *guest) sendGlobal(c *call) (int64, error) {
	name, message := c.name(), c.bytes()
	if c.err != nil {
		return 0, c.err
	}
	to, ok := g.engine.opts.Globals.Whereis(name)
	if !ok {
		return 0, abi.ErrNoName
	}
	return 0, g.process.Send(g, to, g.process.Clone(message))
}
