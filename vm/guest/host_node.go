package guest

import (
	"fmt"
	"log/slog"
	"time"
	"unicode/utf8"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/vm/module"
)

// maxLogBytes bounds what a guest puts into the node's log with one call.
const maxLogBytes = 8 << 10

func (g *guest) moduleHash(c *call) (int64, error) {
	copy(c.hash(), g.fn.Module[:])
	return 0, nil
}

func (g *guest) moduleLoad(c *call) (int64, error) {
	content, out := c.bytes(), c.hash()
	if len(content) > g.engine.opts.MaxModuleBytes {
		return 0, fmt.Errorf("module of %d bytes: %w", len(content), abi.ErrTooLarge)
	}
	if err := module.Check(content); err != nil {
		return 0, fmt.Errorf("%w: %w", abi.ErrBadArgument, err)
	}
	hash, err := g.engine.opts.Modules.Put(content)
	if err != nil {
		return 0, fmt.Errorf("load module: %w", err)
	}
	copy(out, hash[:])
	return 0, nil
}

func (g *guest) moduleExists(c *call) (int64, error) {
	return flag(g.engine.opts.Modules.Has(abi.Hash(c.hash()))), nil
}

// monotonicTime counts from the start of the engine.
func (g *guest) monotonicTime(*call) (int64, error) {
	return int64(time.Since(g.engine.started)), nil
}

func (g *guest) systemTime(*call) (int64, error) { return time.Now().UnixNano(), nil }

func (g *guest) sleep(c *call) (int64, error) {
	d := c.duration()
	if c.err == nil {
		g.pause(d)
	}
	return 0, c.err
}

func (g *guest) log(c *call) (int64, error) {
	level, text := slog.Level(c.int32()), c.bytes()
	switch level {
	case slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError:
	default:
		return 0, fmt.Errorf("log level %d: %w", int(level), abi.ErrBadArgument)
	}
	if len(text) > maxLogBytes || !utf8.Valid(text) {
		return 0, fmt.Errorf("log text: %w", abi.ErrBadArgument)
	}
	if !g.engine.opts.Logger.Enabled(g, level) || !g.mayLog(time.Now()) {
		return 0, nil
	}
	defer g.process.Block()() // whoever reads the log may be slow
	g.engine.opts.Logger.Log(g, level, printable(string(text), maxLogBytes), "pid", g.process.Pid().Text(0), "module", moduleName(g.fn))
	return 0, nil
}
