package vm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
)

// Encodings of the I/O protocol. Erlang has the first two; raw octets are ours, because a WASI
// program's streams are octets and have to pass unchanged.
const (
	EncodingUnicode = "unicode"
	EncodingLatin1  = "latin1"
	EncodingBytes   = "bytes"
)

// EndOfFile is the reply to a read at the end of the input. Data are byte strings, so no data can be mistaken for it.
const EndOfFile = "eof"

// maxWriteBytes is how much one put_chars request carries.
const maxWriteBytes = 256 << 10

// IORequest sends a request of the I/O protocol, ["io_request", from, reply_as, request], to an
// I/O server and waits for its reply (IO-01, IO-17). The zero device is the group leader. A server
// that has ended, or ends meanwhile, is [abi.ErrTerminated]; asking oneself or a node, and a request that is
// no term, are [abi.ErrBadArgument]; one beyond the system's message size is [abi.ErrTooLarge].
// There is no time-out but ctx.
func (p *Process) IORequest(ctx context.Context, device abi.Pid, request any) (any, error) {
	device = p.device(device)
	switch {
	case device == p.pid:
		return nil, fmt.Errorf("i/o request to oneself: %w", abi.ErrBadArgument)
	case device.Num == abi.NodeProcess: // a node, which answers nothing and whose end is that of the link only
		return nil, fmt.Errorf("i/o request to %s: %w", device.Text(0), abi.ErrBadArgument)
	}
	part, err := encodePart(request)
	if err != nil {
		return nil, fmt.Errorf("i/o request: %w: %w", abi.ErrBadArgument, err)
	}
	if len(part) > p.sys.opts.MaxMessageBytes {
		return nil, fmt.Errorf("i/o request of %d bytes: %w", len(part), abi.ErrTooLarge)
	}
	answer, err := p.sys.call(ctx, p, func(replyTo abi.Pid, ref abi.Ref) abi.Signal {
		request := abi.Signal{
			Kind: abi.SignalMessage, From: p.pid, To: device,
			Data: term.MustEncode([]any{"io_request", replyTo, ref, part}),
		}
		p.traceSend(&request)
		return request
	})
	if errors.Is(err, abi.ErrNotConnected) || errors.Is(err, abi.ErrTerminated) {
		return nil, abi.ErrTerminated
	}
	if err != nil {
		return nil, err
	}
	return ioReply(answer.Data)
}

// device gives the I/O server that is meant: zero stands for the group leader.
func (p *Process) device(device abi.Pid) abi.Pid {
	if device.IsZero() {
		return p.GroupLeader()
	}
	return device
}

// ioReply takes the reply out of ["io_reply", reply_as, reply].
func ioReply(message []byte) (any, error) {
	t, err := term.Decode(message)
	if err != nil {
		return nil, fmt.Errorf("i/o reply: %w", err)
	}
	if list, ok := t.([]any); ok && len(list) == 3 && list[0] == "io_reply" {
		return list[2], nil
	}
	return nil, fmt.Errorf("i/o reply: %w", abi.ErrIO)
}

// Write writes data to an I/O server (zero: the group leader) and returns when the server has it.
// Valid UTF-8 goes as text, anything else as raw octets (W-10). The errors are
// [abi.ErrTerminated], [abi.ErrIO] and those of [Process.IORequest].
func (p *Process) Write(ctx context.Context, device abi.Pid, data []byte) error {
	return p.write(ctx, device, "put_chars", data)
}

// WriteError is [Process.Write] for diagnostics, which the server may keep apart from output.
func (p *Process) WriteError(ctx context.Context, device abi.Pid, data []byte) error {
	return p.write(ctx, device, "put_error", data)
}

func (p *Process) write(ctx context.Context, device abi.Pid, request string, data []byte) error {
	for len(data) > 0 {
		chunk := data[:min(len(data), maxWriteBytes)]
		reply, err := p.IORequest(ctx, device, putRequest(request, chunk))
		switch {
		case err != nil:
			return err
		case reply == "ok":
			data = data[len(chunk):]
		case request == "put_error":
			request = "put_chars" // a server that knows Erlang's requests alone
		default:
			return fmt.Errorf("write: %s: %w", term.Format(reply, nil), abi.ErrIO)
		}
	}
	return nil
}

func putRequest(request string, chunk []byte) any {
	if utf8.Valid(chunk) {
		return []any{request, EncodingUnicode, string(chunk)}
	}
	return []any{request, EncodingBytes, chunk}
}

// ReadLine shows prompt and reads a line, its newline included, from an I/O server (zero: the
// group leader). A very long line comes in pieces. At the end of the input it gives
// [abi.ErrEndOfFile], and [abi.ErrInterrupted] when the user dropped the line; the other errors are
// those of [Process.Write].
func (p *Process) ReadLine(ctx context.Context, device abi.Pid, prompt string) ([]byte, error) {
	device = p.device(device)
	rest, kept := p.unread[device]
	if kept {
		_, after, _ := bytes.Cut(rest, []byte{'\n'})
		p.keep(device, after)
		return rest[:len(rest)-len(after)], nil
	}
	if len(p.unread) >= maxUnread {
		return nil, fmt.Errorf("read: unread input of %d devices: %w", maxUnread, abi.ErrLimit)
	}
	reply, err := p.IORequest(ctx, device, []any{"get_line", EncodingBytes, prompt})
	if err != nil {
		return nil, err
	}
	return lineOf(reply)
}

// lineOf reads the reply to a get_line.
func lineOf(reply any) ([]byte, error) {
	switch data := reply.(type) {
	case []byte:
		if len(data) <= maxLineBytes {
			return data, nil
		}
	case string:
		if data == EndOfFile {
			return nil, abi.ErrEndOfFile
		}
		if len(data) <= maxLineBytes {
			return []byte(data), nil // servers that answer with text
		}
	case []any:
		if len(data) == 2 && data[0] == "error" && data[1] == "interrupted" {
			return nil, abi.ErrInterrupted
		}
		return nil, fmt.Errorf("read: %s: %w", term.Format(reply, nil), abi.ErrIO)
	}
	return nil, fmt.Errorf("read: no line of at most %d bytes: %w", maxLineBytes, abi.ErrIO)
}

// Bounds of the input that is kept for a process.
const (
	maxLineBytes = 1 << 20
	maxUnread    = 16 // devices
)

// Read reads at least one byte and at most len(buf) from an I/O server (zero: the group leader).
// What a line has beyond buf is kept for the next read. The errors are those of [Process.ReadLine].
func (p *Process) Read(ctx context.Context, device abi.Pid, buf []byte) (int, error) {
	if len(buf) == 0 {
		return 0, nil
	}
	device = p.device(device)
	data, kept := p.unread[device]
	if !kept {
		var err error
		if data, err = p.ReadLine(ctx, device, ""); err != nil {
			return 0, err
		}
	}
	n := copy(buf, data)
	p.keep(device, data[n:])
	return n, nil
}

// Unread puts a line that was read from a device back: it is the first of what the next read gives.
func (p *Process) Unread(device abi.Pid, line []byte) {
	device = p.device(device)
	p.keep(device, append(bytes.Clone(line), p.unread[device]...))
}

// keep makes rest all that is kept of a device's input.
func (p *Process) keep(device abi.Pid, rest []byte) {
	if len(rest) == 0 {
		delete(p.unread, device)
		return
	}
	if p.unread == nil {
		p.unread = map[abi.Pid][]byte{}
	}
	p.unread[device] = rest
}
