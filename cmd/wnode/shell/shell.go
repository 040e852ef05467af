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
	first     string     // to evaluate before all inputs; "" once an evaluator has taken it
	evaluator *Evaluator
	interrupt context.CancelCauseFunc // ends the evaluation under way; nil when there is none
	entered   bool                    // the line that was asked for has been entered, and nothing has come of it yet
	early     bool                    // it has been interrupted already
	finished  bool                    // an evaluator was done
	code      int
	err       error // of first
}

// Start starts a shell on an I/O server: a process that evaluates, and one that watches over it and
// starts another when an exit signal ends it. What first says is evaluated before all inputs, which
// see what it has defined; unless it succeeds, the shell ends. The errors are those of the node's Spawn.
func Start(node Node, leader abi.Pid, first string) (*Shell, error) {
	s := &Shell{node: node, first: first, done: make(chan struct{})}
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

// Err is the error of what was to be evaluated first, nil without one: [*Exception] or [ErrInterrupted]. It
// is settled once Done is closed.
func (s *Shell) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// Entered tells the shell that a line has been entered under a prompt, before the shell gets it: from
// then on Interrupt is meant for what comes of the line.
func (s *Shell) Entered(prompt string) {
	if !s.Prompt(prompt) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.entered = true
}

// Interrupt breaks off the evaluation under way, or the one that comes of the line that was entered. It
// reports false when there is none.
func (s *Shell) Interrupt() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.interrupt == nil {
		s.early = s.entered
		return s.early
	}
	s.interrupt(ErrInterrupted)
	return true
}

// settleInput forgets the line that was entered, and reports whether it has been interrupted.
func (s *Shell) settleInput() (interrupted bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	interrupted = s.early
	s.entered, s.early = false, false
	return interrupted
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
		watched := make(chan struct{})
		pid, err := s.node.Spawn("shell", p.GroupLeader(), func(p *wnode.Process) wnode.Exit {
			<-watched // so that its reason is known, however soon it ends
			return s.run(p)
		})
		if err != nil {
			return wnode.Exit{Reason: err.Error(), Crash: true}
		}
		ref := p.Monitor(pid)
		close(watched)
		reason, err := p.ReceiveDown(p.Context(), ref)
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

// run is the process that evaluates. When it returns because it is done, and not because it was
// told to end, the shell has ended.
func (s *Shell) run(p *wnode.Process) wnode.Exit {
	e := NewEvaluator(s.node, p)
	s.mu.Lock()
	s.evaluator = e
	s.mu.Unlock()
	err := s.serve(p, e)
	if p.Context().Err() == nil {
		s.finish(err)
	}
	return wnode.Normal
}

// finish takes note of how the shell has ended.
func (s *Shell) finish(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.finished = true
	var quit *Quit
	if errors.As(err, &quit) {
		s.code = quit.Code
		return
	}
	s.err = err
}

// ended reports whether the evaluator that has just ended was done.
func (s *Shell) ended() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.finished
}

// serve evaluates input after input until the last. The error is [*Quit], or that of what was to be
// evaluated first.
func (s *Shell) serve(p *wnode.Process, e *Evaluator) error {
	if first := s.takeFirst(); first != "" {
		if _, err := s.evaluate(p, func(ctx context.Context) (string, error) { return e.EvalAs(ctx, "--eval", first) }); err != nil {
			return err
		}
	}
	for n := 1; ; n++ {
		source, err := s.read(p, fmt.Sprintf("%s%d> ", s.promptPrefix(), n))
		if err != nil {
			s.sayGoodbye(p, err)
			return nil
		}
		text, err := s.evaluate(p, func(ctx context.Context) (string, error) { return e.Eval(ctx, source) })
		var quit *Quit
		switch {
		case p.Context().Err() != nil:
			return nil
		case errors.As(err, &quit):
			return err
		case err != nil:
			text = err.Error()
		case text == "":
			continue
		}
		if err := p.Write(p.Context(), abi.Pid{}, []byte(text+"\n")); err != nil {
			return nil // without an I/O server there is no shell
		}
	}
}

// takeFirst gives what is to be evaluated first, to the first evaluator only: it may be what ends it.
func (s *Shell) takeFirst() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	first := s.first
	s.first = ""
	return first
}

// sayGoodbye tells why the shell ends, unless nobody would see it.
func (s *Shell) sayGoodbye(p *wnode.Process, err error) {
	if errors.Is(err, abi.ErrEndOfFile) {
		// The shell ends whether or not this can be read.
		_ = p.Write(p.Context(), abi.Pid{}, []byte("end of input, stopping "+s.node.Name()+"\n"))
	}
}

// evaluate evaluates an input such that [Shell.Interrupt] reaches it.
func (s *Shell) evaluate(p *wnode.Process, eval func(context.Context) (string, error)) (string, error) {
	ctx, cancel := context.WithCancelCause(p.Context())
	defer cancel(nil)
	s.setInterrupt(cancel)
	defer s.setInterrupt(nil)
	return eval(ctx)
}

// setInterrupt says what Interrupt does. An evaluation that was interrupted before it began ends at once.
func (s *Shell) setInterrupt(cancel context.CancelCauseFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if cancel != nil && s.early {
		cancel(ErrInterrupted)
	}
	s.interrupt, s.entered, s.early = cancel, false, false
}

// read reads one input that is not blank, of as many lines as it takes. Interrupted lines are
// forgotten. At the end of the file what there is of an input is all of it.
func (s *Shell) read(p *wnode.Process, prompt string) (string, error) {
	source := ""
	for {
		if s.settleInput() {
			source = ""
		}
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
