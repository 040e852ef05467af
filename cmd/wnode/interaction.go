package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"sync"

	"github.com/wnode/wnode/cmd/wnode/shell"
	"github.com/wnode/wnode/cmd/wnode/terminal"
)

// interaction joins the terminal's editor, which exists first, and the shell.
type interaction struct {
	mu    sync.Mutex
	shell *shell.Shell
}

func (i *interaction) get() *shell.Shell {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.shell
}

// complete completes a line that is typed at a prompt of the shell's.
func (i *interaction) complete(line string) (int, []string) {
	if s := i.get(); s != nil {
		return s.Complete(line)
	}
	return len(line), nil
}

// assisted reports whether a prompt is the shell's.
func (i *interaction) assisted(prompt string) bool {
	s := i.get()
	return s != nil && s.Prompt(prompt)
}

// entered tells the shell of a line.
func (i *interaction) entered(prompt string) {
	if s := i.get(); s != nil {
		s.Entered(prompt)
	}
}

// interrupt breaks off what is being evaluated.
func (i *interaction) interrupt() {
	if s := i.get(); s != nil {
		s.Interrupt()
	}
}

// run waits for the end of the shell. An interrupt signal is what Ctrl-C is in the editor.
func (i *interaction) run(ctx context.Context, s *shell.Shell, editor terminal.Editor) error {
	i.mu.Lock()
	i.shell = s
	i.mu.Unlock()
	interrupts := make(chan os.Signal, 1)
	signal.Notify(interrupts, os.Interrupt)
	defer signal.Stop(interrupts)
	for {
		select {
		case <-interrupts:
			editor.Interrupt()
		case <-s.Done():
			if errors.Is(s.Err(), shell.ErrInterrupted) {
				return exitCode(interruptCode)
			}
			return errors.Join(s.Err(), codeError(s.Code()))
		case <-ctx.Done():
			return nil
		}
	}
}
