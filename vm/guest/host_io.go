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
	line, err := g.readLine(device, string(prompt))
	if err != nil {
		return 0, err
	}
	if len(line) > len(buffer) {
		g.keep(device, line)
		return int64(len(line)), nil
	}
	return fill(buffer, line), nil
}

func (g *guest) ioRead(c *call) (int64, error) {
	device, buffer := c.pid(), c.buffer()
	n, err := g.read(device, buffer)
	return int64(n), err
}

// readLine gives the line that was kept, or else the next one.
func (g *guest) readLine(device abi.Pid, prompt string) ([]byte, error) {
	if line := g.kept(device); line != nil {
		g.keep(device, nil)
		return line, nil
	}
	return g.process.ReadLine(g, device, prompt)
}

// read fills buf from the line that was kept, or else from the device.
func (g *guest) read(device abi.Pid, buf []byte) (int, error) {
	line := g.kept(device)
	if line == nil || len(buf) == 0 {
		return g.process.Read(g, device, buf)
	}
	n := copy(buf, line)
	g.keep(device, line[n:])
	return n, nil
}

// kept gives the line of a device that was too long for the guest's buffer, nil when there is none.
func (g *guest) kept(device abi.Pid) []byte { return g.input[g.device(device)] }

// keep keeps a line, or what is left of it, for the next read.
func (g *guest) keep(device abi.Pid, line []byte) {
	if len(line) == 0 {
		delete(g.input, g.device(device))
		return
	}
	if g.input == nil {
		g.input = map[abi.Pid][]byte{}
	}
	g.input[g.device(device)] = line
}

// device gives the I/O server that is meant: zero stands for the group leader.
func (g *guest) device(device abi.Pid) abi.Pid {
	if device.IsZero() {
		return g.process.GroupLeader()
	}
	return device
}
