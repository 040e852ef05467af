package guest

import (
	"fmt"
	"unicode/utf8"

	"github.com/wnode/wnode/abi"
)

// maxPromptBytes bounds the prompt of a read.
const maxPromptBytes = 4 << 10

func (g *guest) groupLeader(c *call) (int64, error) {
	g.process.GroupLeader().Append(c.pidOut())
	return 0, nil
}

func (g *guest) setGroupLeader(c *call) (int64, error) {
	leader, of := c.pid(), c.pid()
	return 0, g.process.SetGroupLeader(g, leader, of)
}

func (g *guest) ioWrite(c *call) (int64, error) {
	device, data := c.pid(), c.bytes()
	return 0, g.process.Write(g, device, data)
}

func (g *guest) ioReadLine(c *call) (int64, error) {
	device, prompt, buffer := c.pid(), c.bytes(), c.buffer()
	if len(prompt) > maxPromptBytes || !utf8.Valid(prompt) {
		return 0, fmt.Errorf("prompt: %w", abi.ErrBadArgument)
	}
	line, err := g.process.ReadLine(g, device, string(prompt))
	if err != nil {
		return 0, err
	}
	if len(line) > len(buffer) {
		g.process.Unread(device, line)
		return int64(len(line)), nil
	}
	return fill(buffer, line), nil
}

func (g *guest) ioRead(c *call) (int64, error) {
	device, buffer := c.pid(), c.buffer()
	n, err := g.process.Read(g, device, buffer)
	return int64(n), err
}
