package io

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
	"github.com/wnode/wnode/vm"
)

// Bounds of what a server takes from its clients.
const (
	// MaxLineBytes is how much of a line a get_line gives; a longer line comes in pieces.
	MaxLineBytes = 64 << 10
	// MaxChars is how much a get_chars may ask for.
	MaxChars = 256 << 10
	// MaxRequestBytes is the size of a request; a larger one is the error "too_large".
	MaxRequestBytes = 4 << 20
	// MaxReads is how many reads may wait; one more is the error "system_limit", as it is when those
	// that wait have MaxRequestBytes between them.
	MaxReads = 1024
)

// Options are the parameters of [Start].
type Options struct {
	// Device is what is served. Required. Once Start has succeeded the server owns and closes it.
	Device Device
	// Label is what people call the process. "": "io".
	Label string
	// Leader is the server's own group leader; zero: it leads itself (GL-08).
	Leader abi.Pid
	// Latin1 says that the device's text is latin1 and not UTF-8.
	Latin1 bool
}

// Server is an I/O server. Its methods may be called concurrently.
type Server struct {
	pid  abi.Pid
	done chan struct{}
}

// Start starts an I/O server. It serves until the system closes or it is told to exit. The errors
// are those of [vm.System.Spawn], and [abi.ErrBadArgument] without a device.
func Start(sys *vm.System, opts Options) (*Server, error) {
	if opts.Device == nil {
		return nil, fmt.Errorf("start an i/o server without a device: %w", abi.ErrBadArgument)
	}
	if opts.Label == "" {
		opts.Label = "io"
	}
	s := &Server{done: make(chan struct{})}
	pid, err := sys.Spawn(vm.SpawnOptions{
		Body: vm.Func(func(p *vm.Process) vm.Exit {
			defer close(s.done)
			return newService(p, opts).run()
		}),
		Label: opts.Label, Leader: opts.Leader, Overflow: vm.DropNewest,
	})
	if err != nil {
		return nil, fmt.Errorf("start an i/o server: %w", err)
	}
	s.pid = pid
	return s, nil
}

// Pid is the server's pid: what a group leader is set to.
func (s *Server) Pid() abi.Pid { return s.pid }

// Done is closed when the server has ended and its device is closed.
func (s *Server) Done() <-chan struct{} { return s.done }

// service is the state of a server; only the process's own goroutine touches it.
type service struct {
	process     *vm.Process
	device      Device
	prompter    Prompter // nil: prompts are output
	writeError  writeFunc
	closeDevice func()
	latin1      bool // the device's encoding
	echo        bool

	idle     context.Context // what the process waits with; ends when a Read of the device has returned
	input    []byte          // read, and not yet wanted
	pending  []*task         // the reads that wait, oldest first
	held     int             // bytes of the requests of these
	prompted *task           // whose prompt is shown
	reader   reader
}

func newService(p *vm.Process, opts Options) *service {
	s := &service{process: p, device: opts.Device, latin1: opts.Latin1, echo: true}
	s.prompter, _ = opts.Device.(Prompter)
	s.writeError = opts.Device.Write
	if e, ok := opts.Device.(ErrorWriter); ok {
		s.writeError = e.WriteError
	}
	s.closeDevice = sync.OnceFunc(func() { _ = opts.Device.Close() })
	s.reader.results = make(chan readResult, 1)
	s.rearm()
	return s
}

// run serves requests until the process is told to end. The device is closed at that moment, not
// when the loop comes round: it may be what the loop waits for.
func (s *service) run() vm.Exit {
	defer s.reader.stop()
	defer s.closeDevice()
	defer context.AfterFunc(s.process.Context(), s.closeDevice)()
	for {
		m, err := s.process.Receive(s.idle, vm.Infinity)
		switch {
		case s.process.Context().Err() != nil:
			return vm.Normal
		case err != nil:
			s.inputCame(<-s.reader.results)
		case m.Kind == abi.MessageDown:
			s.forget(m.Ref)
		default:
			s.message(m)
		}
	}
}

// ioRequest is ["io_request", from, reply_as, request].
type ioRequest struct {
	_       struct{} `cbor:",toarray"`
	Tag     string
	From    term.Raw
	ReplyAs term.Raw
	Request term.Raw
}

// message serves one message. What is no request is ignored (IO-01).
func (s *service) message(m vm.Message) {
	var req ioRequest
	if err := term.DecodeInto(m.Data, &req); err != nil || req.Tag != "io_request" {
		return
	}
	from, err := term.Decode(req.From)
	to, isPid := from.(abi.Pid)
	replyAs, err2 := term.Decode(req.ReplyAs)
	if errors.Join(err, err2) != nil || !isPid {
		return
	}
	t := &task{to: to, replyAs: replyAs, size: len(m.Data), last: "ok"}
	if len(req.Request) > MaxRequestBytes {
		s.reply(t, failure("too_large"))
		return
	}
	request, err := term.Decode(req.Request)
	if err != nil {
		s.reply(t, failure("request"))
		return
	}
	t.todo = [][]any{{request}}
	s.resume(t)
	s.advance()
}

// reply answers a task. It never waits: a slow client's node may lose its answer, and holds up nobody else.
func (s *service) reply(t *task, reply any) {
	data, err := term.Encode([]any{"io_reply", t.replyAs, reply})
	if err == nil {
		err = s.process.Post(t.to, data)
	}
	if err != nil && !isFailure(reply) {
		s.reply(t, failure("too_large"))
	}
}

// failure is ["error", reason].
func failure(reason any) []any { return []any{"error", reason} }

func isFailure(reply any) bool {
	list, ok := reply.([]any)
	return ok && len(list) == 2 && list[0] == "error"
}
