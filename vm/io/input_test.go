package io_test

import (
	"bytes"
	"context"
	"errors"
	stdio "io"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
	"github.com/wnode/wnode/vm"
	"github.com/wnode/wnode/vm/io"
)

// readLine asks for a line and notes what came: the line, or its error.
func readLine(got *[]string, prompt string) func(*vm.Process) {
	return func(p *vm.Process) {
		line, err := p.ReadLine(p.Context(), abi.Pid{}, prompt)
		if err != nil {
			line = []byte(err.Error())
		}
		*got = append(*got, string(line))
	}
}

// A read that waits holds up neither output nor options, and reads on a stream take turns.
func TestStreamReadsTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys, out := newSystem(t), io.NewCapture(0)
		input, typed := stdio.Pipe()
		server := start(t, sys, io.Options{Device: io.NewStream(io.StreamOptions{Output: out, Input: input, Owned: true})})
		var first, second []string
		_, done1 := spawn(t, sys, server.Pid(), readLine(&first, "1> "))
		synctest.Wait()
		_, done2 := spawn(t, sys, server.Pid(), readLine(&second, "2> "))
		synctest.Wait()
		run(t, sys, server.Pid(), func(p *vm.Process) { // IO-21
			if err := p.Write(p.Context(), abi.Pid{}, []byte("out ")); err != nil {
				t.Error(err)
			}
		})
		_, _ = typed.Write([]byte("a\n"))
		<-done1
		_, _ = typed.Write([]byte("b\n"))
		<-done2
		if !slices.Equal(first, []string{"a\n"}) || !slices.Equal(second, []string{"b\n"}) {
			t.Errorf("read %q and %q", first, second)
		}
		if got := out.String(); got != "1> out 2> " {
			t.Errorf("output %q", got)
		}
	})
}

// IO-23: at the end of the input every read is eof.
func TestEndOfFileStays(t *testing.T) {
	sys := newSystem(t)
	server := start(t, sys, io.Options{Device: io.NewStream(io.StreamOptions{Input: strings.NewReader("last")})})
	run(t, sys, server.Pid(), func(p *vm.Process) {
		if line, err := p.ReadLine(p.Context(), abi.Pid{}, ""); string(line) != "last" || err != nil {
			t.Errorf("%q, %v", line, err)
		}
		for range 3 {
			if _, err := p.ReadLine(p.Context(), abi.Pid{}, ""); !errors.Is(err, abi.ErrEndOfFile) {
				t.Error(err)
			}
		}
	})
}

// A line beyond MaxLineBytes comes in pieces, which are cut between characters.
func TestLongLines(t *testing.T) {
	text := "xx" + strings.Repeat("€", io.MaxLineBytes/2) + "\nnext\n"
	for _, encoding := range []string{vm.EncodingUnicode, vm.EncodingBytes} {
		sys := newSystem(t)
		server := start(t, sys, io.Options{Device: io.NewStream(io.StreamOptions{Input: strings.NewReader(text)})})
		run(t, sys, server.Pid(), func(p *vm.Process) {
			var got []byte
			for {
				piece, ok := ask(t, p, list{"get_line", encoding, ""}).([]byte)
				if !ok {
					break
				}
				if len(piece) > io.MaxLineBytes {
					t.Errorf("%s: a piece of %d bytes", encoding, len(piece))
				}
				got = append(got, piece...)
			}
			if string(got) != text {
				t.Errorf("%s: %d bytes, want %d", encoding, len(got), len(text))
			}
		})
	}
}

// get_chars goes on over the ends of lines, and leaves what it does not take.
func TestCharsAcrossReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys := newSystem(t)
		input, typed := stdio.Pipe()
		server := start(t, sys, io.Options{Device: io.NewStream(io.StreamOptions{Input: input, Owned: true})})
		_, done := spawn(t, sys, server.Pid(), func(p *vm.Process) {
			for _, want := range []string{"a\nö", "d", "e\n"} {
				if got := ask(t, p, list{"get_chars", "unicode", "", len([]rune(want))}); !sameTerm(got, []byte(want)) {
					t.Errorf("%q, want %q", got, want)
				}
			}
		})
		for _, b := range []byte("a\nöde\n") { // one byte at a time: characters come in parts
			_, _ = typed.Write([]byte{b})
		}
		<-done
	})
}

// A reply that nobody waits for does not cost a line (IO-21 would give the newest reader the next one).
func TestReadOfDeadClientIsDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys := newSystem(t)
		input, typed := stdio.Pipe()
		server := start(t, sys, io.Options{Device: io.NewStream(io.StreamOptions{Input: input, Owned: true})})
		var dead, alive []string
		victim, done := spawn(t, sys, server.Pid(), readLine(&dead, ""))
		synctest.Wait()
		run(t, sys, abi.Pid{}, func(p *vm.Process) {
			_ = p.ExitProcess(p.Context(), victim, term.MustEncode("kill"))
		})
		<-done
		_, done = spawn(t, sys, server.Pid(), readLine(&alive, ""))
		synctest.Wait()
		_, _ = typed.Write([]byte("line\n"))
		<-done
		if !slices.Equal(alive, []string{"line\n"}) {
			t.Errorf("read %q", alive)
		}
	})
}

// A bounded number of reads waits.
func TestTooManyReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys := newSystem(t)
		input, _ := stdio.Pipe()
		server := start(t, sys, io.Options{Device: io.NewStream(io.StreamOptions{Input: input, Owned: true})})
		run(t, sys, server.Pid(), func(p *vm.Process) {
			for i := range io.MaxReads {
				_ = p.Send(p.Context(), server.Pid(), term.MustEncode(list{"io_request", p.Pid(), i, list{"get_line", ""}}))
			}
			if reply := ask(t, p, list{"get_line", ""}); !sameTerm(reply, failure("system_limit")) {
				t.Error(reply)
			}
		})
	})
}

// stuck is an input whose read nothing ends but release.
type stuck struct {
	reading, release chan struct{}
	once             sync.Once
}

func (s *stuck) Read([]byte) (int, error) {
	s.once.Do(func() { close(s.reading) })
	<-s.release
	return 0, stdio.EOF
}

// A node closes although a read of its standard input cannot be broken off.
func TestCloseDespiteStuckRead(t *testing.T) {
	sys := newSystem(t)
	input := &stuck{reading: make(chan struct{}), release: make(chan struct{})}
	defer close(input.release)
	server := start(t, sys, io.Options{Device: io.NewStream(io.StreamOptions{Input: input})})
	var got []string
	_, done := spawn(t, sys, server.Pid(), readLine(&got, ""))
	<-input.reading
	closeSystem(t, sys)
	<-done
	<-server.Done()
}

// Files that the runtime polls have deadlines: their reads end with the server, and the file stays usable.
func TestCloseEndsReadOfPipe(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = r.Close(), w.Close() }()
	sys, out := newSystem(t), io.NewCapture(0)
	server := start(t, sys, io.Options{Device: io.NewStream(io.StreamOptions{Output: out, Input: r})})
	var got []string
	_, done := spawn(t, sys, server.Pid(), readLine(&got, "? "))
	if err := out.Wait(t.Context(), "? "); err != nil {
		t.Fatal(err)
	}
	closeSystem(t, sys)
	<-done
	<-server.Done()

	sys = newSystem(t)
	server = start(t, sys, io.Options{Device: io.NewStream(io.StreamOptions{Input: r})})
	if _, err := w.WriteString("still there\n"); err != nil {
		t.Fatal(err)
	}
	got = nil
	run(t, sys, server.Pid(), readLine(&got, ""))
	if !slices.Equal(got, []string{"still there\n"}) {
		t.Errorf("read %q", got)
	}
}

// failing is a device that counts what is done to it.
type failing struct {
	writeErr, readErr error

	mu     sync.Mutex
	writes [][]byte
	closed int
}

func (f *failing) Write(data []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.writes = append(f.writes, bytes.Clone(data))
	return len(data), f.writeErr
}

func (f *failing) Read(context.Context, []byte) (int, error) { return 0, f.readErr }

func (f *failing) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed++
	return nil
}

func TestDeviceErrors(t *testing.T) {
	for want, err := range map[string]error{
		"epipe": syscall.EPIPE, "enospc": abi.ErrLimit, "ebadf": syscall.EBADF, "terminated": os.ErrClosed,
		"interrupted": abi.ErrInterrupted, "eio": errors.New("some other"),
	} {
		sys := newSystem(t)
		server := start(t, sys, io.Options{Device: &failing{writeErr: err, readErr: err}})
		run(t, sys, server.Pid(), func(p *vm.Process) {
			for _, request := range []any{list{"put_chars", "unicode", "x"}, list{"get_line", "unicode", ""}} {
				if reply := ask(t, p, request); !sameTerm(reply, failure(want)) {
					t.Errorf("%v: %s, want %s", request, term.Format(reply, nil), want)
				}
			}
		})
	}
	// IO-24: a stream without output.
	sys := newSystem(t)
	server := start(t, sys, io.Options{Device: io.NewStream(io.StreamOptions{})})
	run(t, sys, server.Pid(), func(p *vm.Process) {
		if err := p.Write(p.Context(), abi.Pid{}, []byte("x")); !errors.Is(err, abi.ErrIO) {
			t.Error(err)
		}
	})
}

// The output of one request is one Write, so that lines do not mix; the device is closed once.
func TestOneWriteOneClose(t *testing.T) {
	sys, device := newSystem(t), &failing{}
	server := start(t, sys, io.Options{Device: device})
	run(t, sys, server.Pid(), func(p *vm.Process) {
		ask(t, p, list{"put_chars", "unicode", list{"a", list{"b", 99}, []byte("d")}})
		ask(t, p, list{"put_chars", "unicode", ""})
	})
	closeSystem(t, sys)
	closeSystem(t, sys)
	if len(device.writes) != 1 || string(device.writes[0]) != "abcd" || device.closed != 1 {
		t.Errorf("writes %q, closed %d times", device.writes, device.closed)
	}
}

// A server that is told to exit closes its device, and its clients see it terminated (GL-05, IO-17).
func TestExitOfServer(t *testing.T) {
	sys, device := newSystem(t), &failing{}
	server := start(t, sys, io.Options{Device: device})
	run(t, sys, server.Pid(), func(p *vm.Process) {
		_ = p.ExitProcess(p.Context(), server.Pid(), term.MustEncode("shutdown"))
		<-server.Done()
		if _, err := p.IORequest(p.Context(), abi.Pid{}, "getopts"); !errors.Is(err, abi.ErrTerminated) {
			t.Error(err)
		}
	})
	if device.closed != 1 {
		t.Errorf("closed %d times", device.closed)
	}
}

// blocked is an output that only Close unblocks.
type blocked struct{ entered, closed chan struct{} }

func (b *blocked) Write([]byte) (int, error) {
	close(b.entered)
	<-b.closed
	return 0, os.ErrClosed
}

func (b *blocked) Close() error { close(b.closed); return nil }

// A write that hangs does not hang the node, when the output is the stream's to close.
func TestCloseDespiteBlockedWrite(t *testing.T) {
	sys := newSystem(t)
	out := &blocked{entered: make(chan struct{}), closed: make(chan struct{})}
	server := start(t, sys, io.Options{Device: io.NewStream(io.StreamOptions{Output: out, Owned: true})})
	_, done := spawn(t, sys, server.Pid(), func(p *vm.Process) {
		_ = p.Write(p.Context(), abi.Pid{}, []byte("x"))
	})
	<-out.entered
	closeSystem(t, sys)
	<-done
}

func TestCapture(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := io.NewCapture(8)
		found := make(chan error)
		go func() { found <- c.Wait(t.Context(), "cde") }()
		synctest.Wait()
		for _, part := range []string{"abc", "def"} {
			if _, err := c.Write([]byte(part)); err != nil {
				t.Error(err)
			}
		}
		if err := <-found; err != nil {
			t.Error(err)
		}
		if _, err := c.Write([]byte("ghi")); !errors.Is(err, abi.ErrLimit) || c.String() != "abcdef" {
			t.Errorf("%v, %q", err, c.String())
		}
		if got := c.Take(); string(got) != "abcdef" || c.String() != "" {
			t.Errorf("took %q, left %q", got, c.String())
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if err := c.Wait(ctx, "x"); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		_ = c.Close()
		if err := c.Wait(t.Context(), "x"); !errors.Is(err, os.ErrClosed) {
			t.Error(err)
		}
	})
}
