package shell

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/wnode/wnode"
	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
)

// continuation is the prompt for the further lines of an input.
const continuation = "...> "

// Shell reads inputs from an I/O server, evaluates them and prints what comes out. Its methods may
// be called concurrently.
type Shell struct {
	node Node
	done chan struct{}

	mu        sync.Mutex // guards all below
	evaluator *Evaluator
	interrupt context.CancelCauseFunc // ends the evaluation under way; nil when there is none
	finished  bool                    // an evaluator was done
	code      int
}

// Start starts a shell on an I/O server: a process that evaluates, and one that watches over it and
// starts another when an exit signal ends it. The errors are those of the node's Spawn.
func Start(node Node, leader abi.Pid) (*Shell, error) {
	s := &Shell{node: node, done: make(chan struct{})}
	if _, err := node.Spawn("shell_watch", leader, s.watch); err != nil {
		return nil, fmt.Errorf("start the shell: %w", err)
	}
	return s, nil
}

// Done is closed when the shell has ended: by exit(), at the end of the input, or with the node.
func (s *Shell) Done() <-chan struct{} { return s.done }

// Code is the exit code that exit() asked for, 0 without it. It is settled once Done is closed.
func (s *Shell) Code() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.code
}

// Interrupt breaks off the evaluation under way, and reports false when there is none.
func (s *Shell) Interrupt() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.interrupt == nil {
		return false
	}
	s.interrupt(ErrInterrupted)
	return true
}

// Complete completes a line as [Evaluator.Complete] does.
func (s *Shell) Complete(line string) (start int, candidates []string) {
	s.mu.Lock()
	e := s.evaluator
	s.mu.Unlock()
	if e == nil {
		return len(line), nil
	}
	return e.Complete(line)
}

// Prompt reports whether a prompt is the shell's, and not that of some other process that reads
// from the same terminal: only the shell's lines are completed and remembered.
func (s *Shell) Prompt(prompt string) bool {
	return prompt == continuation || strings.HasPrefix(prompt, s.promptPrefix())
}

func (s *Shell) promptPrefix() string { return "wnode(" + s.node.Name() + ")" }

// watch is the process that keeps an evaluator going (LINK-09).
func (s *Shell) watch(p *wnode.Process) wnode.Exit {
	defer close(s.done)
	for {
		pid, err := s.node.Spawn("shell", p.GroupLeader(), s.run)
		if err != nil {
			return wnode.Exit{Reason: err.Error(), Crash: true}
		}
		reason, err := await(p, pid)
		if err != nil {
			// The watch is told to end, and its evaluator with it. The context of the signal is not
			// that of the watch, which has ended.
			_ = p.ExitProcess(context.WithoutCancel(p.Context()), pid, term.MustEncode(abi.ReasonShutdown))
			return wnode.Normal
		}
		if s.ended() {
			return wnode.Normal
		}
		text := fmt.Sprintf("** (EXIT from %s) shell process exited with reason: %s\n",
			term.Format(pid, s.node.Index), term.Format(reason, s.node.Index))
		if err := p.Write(p.Context(), abi.Pid{}, []byte(text)); err != nil {
			return wnode.Normal // without an I/O server there is no shell
		}
	}
}

// await waits until a process has ended, and gives the reason.
func await(p *wnode.Process, pid abi.Pid) (reason any, err error) {
	ref := p.Monitor(pid)
	for {
		m, err := p.Receive(p.Context(), wnode.Infinity)
		if err != nil {
			return nil, err
		}
		if m.Kind != abi.MessageDown || m.Ref != ref {
			continue
		}
		t, err := term.Decode(m.Data)
		if err != nil {
			return nil, err
		}
		if down, ok := t.([]any); ok && len(down) == 5 {
			return down[4], nil
		}
	}
}

// run is the process that evaluates. When it returns because it is done, and not because it was
// told to end, the shell has ended.
func (s *Shell) run(p *wnode.Process) wnode.Exit {
	e := NewEvaluator(s.node, p)
	s.mu.Lock()
	s.evaluator = e
	s.mu.Unlock()
	code := s.loop(p, e)
	if p.Context().Err() == nil {
		s.mu.Lock()
		s.finished, s.code = true, code
		s.mu.Unlock()
	}
	return wnode.Normal
}

// ended reports whether the evaluator that has just ended was done.
func (s *Shell) ended() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.finished
}

// loop evaluates input after input, and gives the exit code.
func (s *Shell) loop(p *wnode.Process, e *Evaluator) int {
	for n := 1; ; n++ {
		source, err := s.read(p, fmt.Sprintf("%s%d> ", s.promptPrefix(), n))
		if err != nil {
			s.sayGoodbye(p, err)
			return 0
		}
		text, err := s.evaluate(p, e, source)
		var quit *Quit
		switch {
		case p.Context().Err() != nil:
			return 0
		case errors.As(err, &quit):
			return quit.Code
		case err != nil:
			text = err.Error()
		}
		if err := p.Write(p.Context(), abi.Pid{}, []byte(text+"\n")); err != nil {
			return 0
		}
	}
}

// sayGoodbye tells why the shell ends, unless nobody would see it.
func (s *Shell) sayGoodbye(p *wnode.Process, err error) {
	if errors.Is(err, abi.ErrEndOfFile) {
		// The shell ends whether or not this can be read.
		_ = p.Write(p.Context(), abi.Pid{}, []byte("end of input, stopping "+s.node.Name()+"\n"))
	}
}

// evaluate evaluates an input such that [Shell.Interrupt] reaches it.
func (s *Shell) evaluate(p *wnode.Process, e *Evaluator, source string) (string, error) {
	ctx, cancel := context.WithCancelCause(p.Context())
	defer cancel(nil)
	s.setInterrupt(cancel)
	defer s.setInterrupt(nil)
	return e.Eval(ctx, source)
}

func (s *Shell) setInterrupt(cancel context.CancelCauseFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.interrupt = cancel
}

// read reads one input that is not blank, of as many lines as it takes. Interrupted lines are
// forgotten. At the end of the file what there is of an input is all of it.
func (s *Shell) read(p *wnode.Process, prompt string) (string, error) {
	source := ""
	for {
		ask := prompt
		if source != "" {
			ask = continuation
		}
		line, err := wholeLine(p, ask)
		if errors.Is(err, abi.ErrInterrupted) {
			source = ""
			continue
		}
		source += line
		if blank := strings.TrimSpace(source) == ""; err != nil && blank {
			return "", err
		} else if blank {
			source = ""
			continue
		}
		if err != nil || !Incomplete(source) {
			return source, nil
		}
	}
}

// wholeLine reads a line, which an I/O server may give in pieces. It is cut when it is longer than
// any input may be.
func wholeLine(p *wnode.Process, prompt string) (string, error) {
	line := ""
	for {
		piece, err := readLine(p.Context(), p, abi.Pid{}, prompt)
		if err != nil {
			return line, err
		}
		if len(line) <= MaxSourceBytes {
			line += string(piece)
		}
		if strings.HasSuffix(string(piece), "\n") {
			return line, nil
		}
		prompt = ""
	}
}
