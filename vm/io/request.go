package io

import (
	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/vm"
)

// task is one message's request and how far it has come.
type task struct {
	to      abi.Pid
	replyAs any
	size    int // of the message

	todo [][]any // requests still to be served: those of a batch, above those of the batch around it
	last any     // reply of the one served last

	read    read    // while it waits for input
	monitor abi.Ref // of to, while it waits
}

// next takes the task's next request, and reports false when there is none left.
func (t *task) next() (any, bool) {
	for len(t.todo) > 0 {
		top := len(t.todo) - 1
		if len(t.todo[top]) > 0 {
			request := t.todo[top][0]
			t.todo[top] = t.todo[top][1:]
			return request, true
		}
		t.todo = t.todo[:top]
	}
	return nil, false
}

// resume serves a task's requests until one has to wait for input, or fails, or all are done (IO-13).
func (s *service) resume(t *task) {
	for !isFailure(t.last) {
		request, ok := t.next()
		if !ok {
			break
		}
		name, args := split(request)
		var waits bool
		if t.last, waits = s.serve(t, name, args); waits {
			s.wait(t)
			return
		}
	}
	s.reply(t, t.last)
}

// split takes a request, a text or an array that begins with one, apart.
func split(request any) (name string, args []any) {
	switch request := request.(type) {
	case string:
		return request, nil
	case []any:
		if len(request) > 1 {
			name, _ = request[0].(string)
			return name, request[1:]
		}
	}
	return "", nil
}

// serve serves one request; waits says that it is a read that lacks input, which is now t.read.
func (s *service) serve(t *task, name string, args []any) (reply any, waits bool) {
	switch name {
	case "put_chars":
		return s.putChars(s.device.Write, args), false
	case "put_error":
		return s.putChars(s.writeError, args), false
	case "get_line", "get_chars":
		return s.startRead(t, name, args)
	case "get_until":
		if len(args) == 4 || len(args) == 5 {
			return failure("enotsup"), false // IO-10: the function is the client's
		}
	case "getopts":
		if args == nil {
			return s.getOpts(), false
		}
	case "setopts":
		if len(args) == 1 {
			return s.setOpts(args[0]), false
		}
	case "get_geometry":
		if len(args) == 1 {
			return s.geometry(args[0]), false
		}
	case "requests":
		if list, ok := onlyList(args); ok {
			t.todo = append(t.todo, list)
			return "ok", false
		}
	}
	return failure("request"), false // IO-15
}

func onlyList(args []any) ([]any, bool) {
	if len(args) != 1 {
		return nil, false
	}
	list, ok := args[0].([]any)
	return list, ok
}

// putChars serves put_chars: (chars), (encoding, chars), and the two with a function to be called
// for the chars, which are refused with the function's name (IO-06).
// put_error is the same for what a program has to say of itself and not as its output.
func (s *service) putChars(write writeFunc, args []any) any {
	switch len(args) {
	case 1:
		args = []any{vm.EncodingLatin1, args[0]} // IO-16
	case 2:
	case 3, 4:
		return failure(args[len(args)-2])
	default:
		return failure("request")
	}
	encoding, ok := args[0].(string)
	if !ok {
		encoding = ""
	}
	out, ok := encodeChars(args[1], encoding)
	if !ok {
		return failure([]any{"put_chars", args[0], args[1]}) // IO-03, IO-05
	}
	if s.latin1 && encoding != vm.EncodingBytes {
		if out, ok = toLatin1(out); !ok {
			return noTranslation(encoding, vm.EncodingLatin1) // IO-04
		}
	}
	return writeWhole(write, out)
}

// writeFunc is where output goes.
type writeFunc func([]byte) (int, error)

// writeWhole writes in one piece, so that the lines of different processes do not mix.
func writeWhole(write writeFunc, out []byte) any {
	if len(out) == 0 {
		return "ok"
	}
	if _, err := write(out); err != nil {
		return failure(errorReason(err))
	}
	return "ok"
}

func noTranslation(from, to string) any { return failure([]any{"no_translation", from, to}) }
