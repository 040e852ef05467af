package programtest

import (
	"os"
	"os/exec"
	"runtime"
	"testing"
)

// TestMain makes this program the one that is run, too.
func TestMain(m *testing.M) {
	if os.Getenv("PROGRAMTEST") == "" {
		os.Exit(m.Run())
	}
	_, _ = os.Stdout.WriteString("first\nname=x\nprompt> ")
	_, _ = os.Stderr.WriteString("to the log\n")
	buffer := make([]byte, 100)
	n, _ := os.Stdin.Read(buffer)
	_, _ = os.Stdout.Write(buffer[:n])
	_, _ = os.Stdin.Read(buffer)
	os.Exit(3)
}

func start(t *testing.T, stop func(*Program)) *Program {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "PROGRAMTEST=1")
	return Start(t, "the program", cmd, stop)
}

func TestProgram(t *testing.T) {
	p := start(t, func(*Program) { t.Error("it ran at the end") })
	if got := p.Out.AwaitLine(t, `^name=(\w)$`); got[1] != "x" {
		t.Errorf("groups %q", got)
	}
	if got := p.Out.AwaitText(t, "prompt> "); got != "first\nname=x\n" {
		t.Errorf("in front of the prompt is %q", got)
	}
	if _, err := p.In.Write([]byte("typed\n")); err != nil {
		t.Fatal(err)
	}
	p.Out.AwaitLine(t, "^prompt> typed$")
	p.Log.AwaitLine(t, "^to the log$")
	if code := p.Close(); code != 3 || !p.Ended() {
		t.Errorf("exit code %d", code)
	}
}

// What still runs is stopped at the end of the test.
func TestStopped(t *testing.T) {
	code := 0
	t.Run("part", func(t *testing.T) {
		start(t, func(p *Program) { code = p.Stop(os.Kill) })
	})
	if runtime.GOOS != "windows" && code != -1 {
		t.Errorf("exit code %d", code)
	}
}

// The checker must find what it is there for.
func TestMustBeSound(t *testing.T) {
	for output, want := range map[string]bool{"panic: no\n": false, "WARNING: DATA RACE": false, "all is well": true} {
		var r recorder
		MustBeSound(&r, "it", output)
		if r.failed == want {
			t.Errorf("%q: failed is %v", output, r.failed)
		}
	}
}

// recorder is a test that notes errors.
type recorder struct {
	testing.TB
	failed bool
}

func (r *recorder) Helper()               {}
func (r *recorder) Errorf(string, ...any) { r.failed = true }
