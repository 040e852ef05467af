package vm

import (
	"context"
	"time"

	"github.com/wnode/wnode/abi"
)

// Frame is a call on the stack of a guest: what is called, with how many parameters.
type Frame struct {
	Module   string // what people call the guest's module, or the name of a host module
	Function string
	Arity    int
}

// maxStackWait bounds how long [System.Stack] waits for a process that computes. One that does not
// answer in that time has waited for a processor all the while, or is at something that the node does for it.
const maxStackWait = time.Second

// stackQuestion is what those wait for who would like to know where a process is that computes.
type stackQuestion struct {
	answered chan struct{} // closed when frames is set, or will never be
	frames   []Frame
}

// Stack gives the calls that a process of this node is in, innermost first: none for a native process,
// for one that has ended or has not begun, and for one that does not answer within a second or until
// ctx ends. A process that waits is looked at, and one that computes answers at the end of its slice.
func (s *System) Stack(ctx context.Context, pid abi.Pid) []Frame {
	p := s.process(pid)
	if p == nil {
		return nil
	}
	q, frames := p.askStack()
	if q == nil {
		return frames
	}
	timer := time.NewTimer(maxStackWait)
	defer timer.Stop()
	select {
	case <-q.answered:
		return q.frames
	case <-timer.C:
	case <-ctx.Done():
	}
	return nil
}

// askStack gives the frames, or the question that the process will answer.
func (p *Process) askStack() (*stackQuestion, []Frame) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.ended || p.inspector == nil:
		return nil, nil
	case p.waiting:
		frames, ok := p.inspector.Stack()
		if ok || !p.receiving {
			return nil, frames
		}
		p.wakeUp(nil) // to answer
	}
	if p.question == nil {
		p.question = &stackQuestion{answered: make(chan struct{})}
		p.asked.Store(true)
	}
	return p.question, nil
}

// Inspector looks into the body of a process. Its methods are called while the process stands still
// ([Process.StandStill]) or waits for a message, or on its own stack, and must not call any of the process's.
type Inspector interface {
	// Stack gives the calls that the process is in, innermost first, and false when only its body can find that out: where it
	// waits for a message, that comes to an end with an [AskedError] then.
	Stack() (calls []Frame, ok bool)
	// Uncounted gives the work that was done and not yet counted with [Process.AddReductions], about.
	Uncounted() uint64
}

// SetInspector says who can look into the body.
func (p *Process) SetInspector(i Inspector) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.inspector = i
}

// Asked reports whether somebody waits for [Process.AnswerStack]. It costs next to nothing.
func (p *Process) Asked() bool { return p.asked.Load() }

// AnswerStack tells those who wait for it which calls the process is in.
func (p *Process) AnswerStack() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answerStackLocked()
}

// answerStackLocked answers if somebody asks, and reports false when that cannot be done here.
func (p *Process) answerStackLocked() bool {
	if p.question == nil {
		return true
	}
	var frames []Frame
	if p.inspector != nil && !p.ended {
		var ok bool
		if frames, ok = p.inspector.Stack(); !ok {
			return false
		}
	}
	p.replyLocked(frames)
	return true
}

// replyLocked answers those who ask.
func (p *Process) replyLocked(frames []Frame) {
	p.question.frames = frames
	close(p.question.answered)
	p.question = nil
	p.asked.Store(false)
}

// AskedError ends a wait for messages because somebody asks which calls the process is in: it is to call
// [Process.AnswerStack], and to wait again.
type AskedError struct {
	Left time.Duration // of the timeout
}

func (e *AskedError) Error() string { return "asked which calls the process is in" }
