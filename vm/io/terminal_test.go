package io_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
	"github.com/wnode/wnode/vm"
	"github.com/wnode/wnode/vm/io"
)

// editor is a terminal whose user is the test.
type editor struct {
	lines chan string // what the user enters; "^C" drops the line

	mu     sync.Mutex
	screen strings.Builder // output, and [prompt] whenever one is shown
	prompt string
	active bool
	echo   bool
	closed int
}

func newEditor() *editor { return &editor{lines: make(chan string), echo: true} }

func (e *editor) Write(data []byte) (int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.screen.Write(data)
}

func (e *editor) show(active bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.active = active
	if active {
		e.screen.WriteString("[" + e.prompt + "]")
	}
}

func (e *editor) ReadLine(ctx context.Context) (string, error) {
	e.show(true)
	defer e.show(false)
	select {
	case text := <-e.lines:
		if text == "^C" {
			return "", abi.ErrInterrupted
		}
		return text, nil
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}

func (e *editor) SetPrompt(prompt string) {
	e.mu.Lock()
	e.prompt = prompt
	active := e.active
	e.mu.Unlock()
	if active {
		e.show(true)
	}
}

func (e *editor) Size() (columns, rows int, err error) { return 80, 24, nil }

func (e *editor) SetEcho(on bool) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.echo = on
	return nil
}

func (e *editor) Close() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.closed++
	return nil
}

func (e *editor) seen() string {
	synctest.Wait()
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.screen.String()
}

func onTerminal(t *testing.T, f func(t *testing.T, sys *vm.System, server *io.Server, e *editor)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		sys, e := newSystem(t), newEditor()
		f(t, sys, start(t, sys, io.Options{Device: io.NewTerminal(e)}), e)
		closeSystem(t, sys)
		if e.closed != 1 {
			t.Errorf("closed %d times", e.closed)
		}
	})
}

// IO-21: output is shown while a line is typed; a second read gets the next line first, under its
// own prompt, and then the first one's prompt is back.
func TestTerminalReadsNest(t *testing.T) {
	onTerminal(t, func(t *testing.T, sys *vm.System, server *io.Server, e *editor) {
		var shell, gets []string
		_, shellDone := spawn(t, sys, server.Pid(), readLine(&shell, "shell> "))
		synctest.Wait()
		run(t, sys, server.Pid(), func(p *vm.Process) { _ = p.Write(p.Context(), abi.Pid{}, []byte("out")) })
		_, getsDone := spawn(t, sys, server.Pid(), readLine(&gets, "several\nname? "))
		synctest.Wait()
		e.lines <- "Ada"
		<-getsDone
		synctest.Wait()
		e.lines <- "1 + 1"
		<-shellDone
		if !slices.Equal(gets, []string{"Ada\n"}) || !slices.Equal(shell, []string{"1 + 1\n"}) {
			t.Errorf("gets %q, shell %q", gets, shell)
		}
		if got := e.seen(); got != "[shell> ]outseveral\n[name? ][shell> ]" {
			t.Errorf("screen %q", got)
		}
	})
}

// The prompt of a client that is gone goes: back to the one before, or to none at all.
func TestTerminalPromptOfDeadClient(t *testing.T) {
	onTerminal(t, func(t *testing.T, sys *vm.System, server *io.Server, e *editor) {
		kill := func(pid abi.Pid) {
			run(t, sys, abi.Pid{}, func(p *vm.Process) { _ = p.ExitProcess(p.Context(), pid, term.MustEncode("kill")) })
			synctest.Wait()
		}
		var got []string
		first, _ := spawn(t, sys, server.Pid(), readLine(&got, "1> "))
		synctest.Wait()
		second, _ := spawn(t, sys, server.Pid(), readLine(&got, "2> "))
		synctest.Wait()
		kill(second)
		if got := e.seen(); got != "[1> ][2> ][1> ]" {
			t.Errorf("screen %q", got)
		}
		kill(first)
		if e.seen(); e.active {
			t.Error("a line is read for nobody")
		}
		got = nil
		_, done := spawn(t, sys, server.Pid(), readLine(&got, "3> "))
		synctest.Wait()
		e.lines <- "here"
		<-done
		if !slices.Equal(got, []string{"here\n"}) {
			t.Errorf("read %q", got)
		}
	})
}

func TestTerminalInterrupt(t *testing.T) {
	onTerminal(t, func(t *testing.T, sys *vm.System, server *io.Server, e *editor) {
		var got []string
		_, done := spawn(t, sys, server.Pid(), readLine(&got, ""))
		e.lines <- "^C"
		<-done
		if !slices.Equal(got, []string{abi.ErrInterrupted.Error()}) {
			t.Errorf("read %q", got)
		}
	})
}

// A batch waits for its read, and nobody else does.
func TestTerminalBatch(t *testing.T) {
	onTerminal(t, func(t *testing.T, sys *vm.System, server *io.Server, e *editor) {
		_, done := spawn(t, sys, server.Pid(), func(p *vm.Process) {
			reply := ask(t, p, list{"requests", list{
				list{"get_line", "unicode", "a? "}, list{"get_line", "unicode", "b? "}, list{"put_chars", "unicode", "end"},
			}})
			if reply != "ok" {
				t.Error(reply)
			}
		})
		e.lines <- "A"
		run(t, sys, server.Pid(), func(p *vm.Process) { _ = p.Write(p.Context(), abi.Pid{}, []byte("out")) })
		synctest.Wait()
		e.lines <- "B"
		<-done
		if got := strings.ReplaceAll(e.seen(), "out", ""); got != "[a? ][b? ]end" {
			t.Errorf("screen %q", got)
		}
	})
}

// IO-12, IO-14
func TestTerminalOptions(t *testing.T) {
	onTerminal(t, func(t *testing.T, sys *vm.System, server *io.Server, e *editor) {
		run(t, sys, server.Pid(), func(p *vm.Process) {
			for _, step := range []struct{ request, reply any }{
				{list{"get_geometry", "columns"}, 80},
				{list{"get_geometry", "rows"}, 24},
				{list{"setopts", list{list{"echo", false}, "junk"}}, failure("enotsup")},
				{"getopts", list{list{"binary", true}, list{"encoding", "unicode"}, list{"echo", true}}},
				{list{"setopts", list{list{"echo", false}, list{"encoding", "latin1"}}}, "ok"},
				{"getopts", list{list{"binary", true}, list{"encoding", "latin1"}, list{"echo", false}}},
			} {
				if reply := ask(t, p, step.request); !sameTerm(reply, step.reply) {
					t.Errorf("%v: %v, want %v", step.request, reply, step.reply)
				}
			}
		})
		if e.echo {
			t.Error("still echoes")
		}
	})
}
