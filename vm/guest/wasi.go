package guest

import (
	"errors"
	"io"
	"time"

	experimentalsys "github.com/tetratelabs/wazero/experimental/sys"

	"github.com/wnode/wnode/abi"
)

// stdio is the standard streams of a WASI program: I/O requests to the group leader, one for each
// read and write, with nothing kept back (W-10). A guest that polls its standard input is told that
// it is ready; the read is what waits.
type stdio struct{ g *guest }

// stderr is the standard error of a WASI program.
type stderr struct{ stdio }

// Write returns when the group leader has the bytes.
func (s stderr) Write(data []byte) (int, error) {
	return s.written(data, s.g.process.WriteError(s.g, abi.Pid{}, data))
}

// Read reads at most one line.
func (s stdio) Read(buf []byte) (int, error) {
	n, err := s.g.read(abi.Pid{}, buf)
	s.g.checkAlive()
	if errors.Is(err, abi.ErrEndOfFile) {
		return 0, io.EOF
	}
	if err != nil {
		return 0, experimentalsys.EIO
	}
	return n, nil
}

// Write returns when the group leader has the bytes.
func (s stdio) Write(data []byte) (int, error) {
	return s.written(data, s.g.process.Write(s.g, abi.Pid{}, data))
}

func (s stdio) written(data []byte, err error) (int, error) {
	s.g.checkAlive()
	if err != nil {
		return 0, experimentalsys.EIO
	}
	return len(data), nil
}

// nanosleep sleeps for a WASI program.
func (g *guest) nanosleep(ns int64) {
	g.pause(time.Duration(ns))
	g.checkAlive()
}

// pause waits for a time, negative for ever, or until the process is told to end.
func (g *guest) pause(d time.Duration) {
	if d < 0 {
		<-g.Done()
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-g.Done():
	}
}

// checkAlive ends the guest when its process has been told to end.
func (g *guest) checkAlive() {
	if g.Err() != nil {
		panic(errEnded)
	}
}
