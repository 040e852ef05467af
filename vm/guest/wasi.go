package guest

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"time"

	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
	experimentalsys "github.com/tetratelabs/wazero/experimental/sys"

	"github.com/wnode/wnode/abi"
)

// stdio is the standard streams of a WASI program: I/O requests to the group leader, one for each
// fd_read and fd_write, with nothing kept back (W-10). A guest that polls its standard input is told that
// it is ready; the read is what waits.
type stdio struct{ of *instance }

// stderr is the standard error of a WASI program.
type stderr struct{ stdio }

// Write returns when the group leader has the bytes.
func (s stderr) Write(data []byte) (int, error) { return s.write(data, s.of.guest.process.WriteError) }

// Read reads at most one line.
func (s stdio) Read(buf []byte) (int, error) {
	g := s.of.guest
	n, err := g.process.Read(g, abi.Pid{}, buf)
	g.checkAlive()
	if errors.Is(err, abi.ErrEndOfFile) {
		return 0, io.EOF
	}
	if err != nil {
		return 0, experimentalsys.EIO
	}
	return n, nil
}

// Write returns when the group leader has the bytes.
func (s stdio) Write(data []byte) (int, error) { return s.write(data, s.of.guest.process.Write) }

// write sends data, or gathers it while more of the same fd_write is to come.
func (s stdio) write(data []byte, send func(context.Context, abi.Pid, []byte) error) (int, error) {
	n := len(data)
	if n == 0 {
		return 0, nil
	}
	g := s.of.guest
	if g.gather > 0 {
		g.gathered = append(g.gathered, data...)
		if len(g.gathered) < g.gather {
			return n, nil
		}
		data, g.gather = g.gathered, 0
	}
	err := send(g, abi.Pid{}, data)
	g.checkAlive()
	if err != nil {
		return 0, experimentalsys.EIO
	}
	return n, nil
}

// gatherer listens to fd_write. wazero calls the stream once for each of its buffers: a line whose
// newline has one of its own, which is how C's printf sends it, would be two requests, and another
// process's output could come in between.
type gatherer struct{}

// maxGathered bounds what is gathered; a larger write goes out buffer by buffer.
const maxGathered = 256 << 10

// Before works out how many bytes the write has, when it has more than one buffer.
func (gatherer) Before(ctx context.Context, mod api.Module, _ api.FunctionDefinition, params []uint64, _ experimental.StackIterator) {
	const size = 8 // of a buffer's entry: address and length
	g, ok := ctx.(*guest)
	fileErrors{}.forget(g)
	count := uint64(uint32(params[2]))
	if !ok || count < 2 || count > maxGathered/size {
		return
	}
	list, ok := mod.Memory().Read(uint32(params[1]), uint32(count*size))
	if !ok {
		return
	}
	var total uint64
	for ; len(list) > 0; list = list[size:] {
		total += uint64(binary.LittleEndian.Uint32(list[4:]))
	}
	if total <= maxGathered {
		g.gather = int(total)
	}
}

// After forgets what was gathered.
func (gatherer) After(ctx context.Context, _ api.Module, _ api.FunctionDefinition, results []uint64) {
	if g, ok := ctx.(*guest); ok {
		g.gather, g.gathered = 0, g.gathered[:0]
		fileErrors{}.tell(g, results)
	}
}

// Abort is After for a call that ends the guest.
func (gatherer) Abort(context.Context, api.Module, api.FunctionDefinition, error) {}

// nanosleep sleeps for a WASI program, negative for ever.
func (g *guest) nanosleep(ns int64) {
	g.pause(time.Duration(ns))
	g.checkAlive()
}

// pause waits for a time, negative for ever, or until the process is told to end.
func (g *guest) pause(d time.Duration) { _ = g.process.Sleep(d) }

// away has the guest stand still until the function that it gives is called: it is about to wait for something of the host.
func (g *guest) away() (back func()) {
	g.process.StandStill()
	return g.process.GoOn
}

// checkAlive ends the guest when its process has been told to end. The host was called.
func (g *guest) checkAlive() {
	g.pace.waited = true
	g.endIfTold()
}

// endIfTold ends the guest when its process has been told to end.
func (g *guest) endIfTold() {
	if g.process.Told() {
		panic(errEnded)
	}
}
