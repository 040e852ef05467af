package programtest

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"
)

// Program is a program that runs. Its methods are for the goroutine of the test.
type Program struct {
	Name string
	In   io.WriteCloser // standard input
	Out  *Transcript    // standard output
	Log  *Transcript    // standard error
	t    testing.TB
	cmd  *exec.Cmd
	wg   sync.WaitGroup
}

// Start starts a command. name is what the test calls it. The end of the test stops the program with stop, if it runs
// then, and looks at what it has said.
func Start(t testing.TB, name string, cmd *exec.Cmd, stop func(*Program)) *Program {
	t.Helper()
	p := &Program{Name: name, Out: NewTranscript(), Log: NewTranscript(), t: t, cmd: cmd}
	in, inErr := cmd.StdinPipe()
	out, outErr := cmd.StdoutPipe()
	log, logErr := cmd.StderrPipe()
	if err := errors.Join(inErr, outErr, logErr); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p.In = in
	p.wg.Go(func() { p.Out.Follow(out) })
	p.wg.Go(func() { p.Log.Follow(log) })
	t.Cleanup(func() {
		if !p.Ended() {
			stop(p)
		}
		MustBeSound(t, name, p.Log.String())
		if t.Failed() {
			t.Logf("%s wrote\n%s%s", name, p.Out, p.Log)
		}
	})
	return p
}

// Ended reports whether the program has been waited for.
func (p *Program) Ended() bool { return p.cmd.ProcessState != nil }

// Signal sends the program a signal.
func (p *Program) Signal(sig os.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(sig); err != nil {
		p.t.Fatal(err)
	}
}

// Stop sends the program a signal that it ends by, and waits. It gives the exit code, -1 if the signal ended the program.
func (p *Program) Stop(sig os.Signal) (code int) {
	p.t.Helper()
	p.Signal(sig)
	return p.Wait()
}

// Close ends the standard input, by which the program ends, and waits. It gives the exit code.
func (p *Program) Close() (code int) {
	_ = p.In.Close()
	return p.Wait()
}

// Wait waits until the program has ended, and ends one that does not. It gives the exit code.
func (p *Program) Wait() (code int) {
	killer := time.AfterFunc(Patience, func() { _ = p.cmd.Process.Kill() })
	defer killer.Stop()
	p.wg.Wait()
	_ = p.cmd.Wait() // the state is read from cmd
	return p.cmd.ProcessState.ExitCode()
}
