package io

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"unicode/utf8"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/vm"
)

// read is what a get_line or get_chars asks for.
type read struct {
	encoding string
	prompt   string
	chars    int // -1: a line
}

// line as read.chars.
const line = -1

// startRead serves a get_line, (prompt) or (encoding, prompt), or a get_chars, (prompt, n) or
// (encoding, prompt, n). The forms without an encoding mean latin1 (IO-16).
func (s *service) startRead(t *task, name string, args []any) (reply any, waits bool) {
	r := read{encoding: vm.EncodingLatin1, chars: line}
	if name == "get_chars" {
		if len(args) == 0 {
			return failure("request"), false
		}
		n, ok := args[len(args)-1].(int64)
		if !ok || n < 0 || n > MaxChars {
			return failure(name), false
		}
		r.chars, args = int(n), args[:len(args)-1]
	}
	switch len(args) {
	case 1:
	case 2:
		r.encoding, _ = args[0].(string)
	default:
		return failure("request"), false
	}
	if !knownEncoding(r.encoding) {
		return failure(name), false
	}
	r.prompt = promptText(args[len(args)-1], r.encoding)
	t.read = r
	if len(s.pending) == 0 || s.prompter != nil {
		if reply, ok := s.take(r, false); ok {
			return reply, false
		}
	}
	if len(s.pending) >= MaxReads || s.held+t.size > MaxRequestBytes && len(s.pending) > 0 {
		return failure("system_limit"), false
	}
	return nil, true
}

// wait puts a task among those that wait for input. Nobody reads for a client that is gone, so the
// client is monitored: the next line would be lost on it.
func (s *service) wait(t *task) {
	t.monitor = s.process.PostMonitor(t.to)
	s.pending = append(s.pending, t)
	s.held += t.size
}

// drop takes a task from those that wait.
func (s *service) drop(t *task) {
	s.process.Demonitor(t.monitor, true)
	i := slices.Index(s.pending, t)
	s.pending = slices.Delete(s.pending, i, i+1)
	s.held -= t.size
	if s.prompted == t {
		s.prompted = nil
	}
}

// forget drops the task whose client has ended.
func (s *service) forget(monitor abi.Ref) {
	for _, t := range s.pending {
		if t.monitor == monitor {
			s.drop(t)
			s.advance()
			return
		}
	}
}

// active is the task that gets the next input: the newest where reads nest (IO-21), else the oldest.
func (s *service) active() *task {
	if s.prompter != nil {
		return s.pending[len(s.pending)-1]
	}
	return s.pending[0]
}

// advance serves reads from the input that there is, and has the device read when that is not
// enough. It breaks off a read of the device that no one wants any more.
func (s *service) advance() {
	for len(s.pending) > 0 {
		t := s.active()
		reply, ok := s.take(t.read, false)
		if !ok {
			s.prompt(t)
			s.startReader()
			return
		}
		s.finish(t, reply)
	}
	s.reader.cancel()
}

// finish goes on with a task whose read is done.
func (s *service) finish(t *task, reply any) {
	s.drop(t)
	t.last = reply
	s.resume(t)
}

// prompt shows the prompt of the task that is about to get input.
func (s *service) prompt(t *task) {
	if s.prompted == t {
		return
	}
	s.prompted = t
	if s.prompter != nil {
		s.prompter.SetPrompt(t.read.prompt)
		return
	}
	out := []byte(t.read.prompt)
	if s.latin1 {
		out, _ = toLatin1(out)
	}
	_ = writeWhole(s.device.Write, out) // a device that shows nothing can still be read
}

// take takes what a read asks for out of the input; false when that is not enough. At the end of
// the file a read gets what is left. Input that does not go into the read's encoding is an error,
// and is passed over: a client that tries again must come to an end (IO-09).
func (s *service) take(r read, atEnd bool) (reply any, ok bool) {
	n, ok := s.measure(r, atEnd)
	if !ok {
		return nil, false
	}
	if n == 0 && r.chars != 0 {
		return vm.EndOfFile, true
	}
	data, failed := s.decodeInput(s.input[:n], r.encoding)
	s.input = s.input[n:]
	if len(s.input) == 0 {
		s.input = nil
	}
	if failed != nil {
		return failed, true
	}
	return data, true
}

// measure gives the length of what take takes.
func (s *service) measure(r read, atEnd bool) (n int, ok bool) {
	byOctets := s.latin1 || r.encoding == vm.EncodingBytes
	switch {
	case r.chars == line:
		return measureLine(s.input, byOctets, atEnd)
	case byOctets && len(s.input) >= r.chars:
		return r.chars, true
	case byOctets:
		return len(s.input), atEnd
	default:
		return measureChars(s.input, r.chars, atEnd)
	}
}

// measureLine gives the length of the first line, its newline included, or of the piece of it that is given.
func measureLine(input []byte, byOctets, atEnd bool) (n int, ok bool) {
	head := input[:min(len(input), MaxLineBytes)]
	if i := bytes.IndexByte(head, '\n'); i >= 0 {
		return i + 1, true
	}
	if len(head) < MaxLineBytes {
		return len(head), atEnd
	}
	if !byOctets {
		head = head[:len(head)-incomplete(head)]
	}
	return len(head), true
}

// incomplete gives the length of the character that has only begun at the end of b.
func incomplete(b []byte) int {
	for i := 1; i <= min(len(b), utf8.UTFMax-1); i++ {
		if tail := b[len(b)-i:]; utf8.RuneStart(tail[0]) {
			if utf8.FullRune(tail) {
				return 0
			}
			return i
		}
	}
	return 0
}

// measureChars gives the length of the first n characters of UTF-8.
func measureChars(input []byte, n int, atEnd bool) (length int, ok bool) {
	if len(input) < n && !atEnd {
		return 0, false
	}
	for i := 0; i < n && length < len(input); i++ {
		if !utf8.FullRune(input[length:]) && !atEnd {
			return 0, false
		}
		_, size := utf8.DecodeRune(input[length:])
		length += size
		if i == n-1 {
			return length, true
		}
	}
	return length, atEnd || n == 0
}

// decodeInput gives input in a request's encoding, or the reply that says that it cannot be.
func (s *service) decodeInput(input []byte, encoding string) (data []byte, failed any) {
	switch {
	case encoding == vm.EncodingBytes, s.latin1 && encoding == vm.EncodingLatin1:
		return bytes.Clone(input), nil
	case s.latin1:
		return fromLatin1(input), nil
	case !utf8.Valid(input):
		return nil, noTranslation(vm.EncodingUnicode, vm.EncodingUnicode)
	case encoding == vm.EncodingUnicode:
		return bytes.Clone(input), nil
	}
	data, ok := toLatin1(input)
	if !ok {
		return nil, noTranslation(vm.EncodingUnicode, vm.EncodingLatin1)
	}
	return data, nil
}

// reader is the goroutine that reads the device: there is one while input is asked for.
type reader struct {
	buf     []byte
	abort   context.CancelFunc // nil when none is running
	aborted bool
	wake    context.CancelFunc // ends service.idle
	results chan readResult    // capacity 1
}

// readResult is what one Read of the device gave.
type readResult struct {
	data []byte // valid until the next Read
	err  error
}

// rearm makes the context with which the process waits for messages until input comes.
func (s *service) rearm() {
	s.idle, s.reader.wake = context.WithCancel(s.process.Context())
}

// startReader has the device read, unless it does. inputCame gets the result, on the process's goroutine.
func (s *service) startReader() {
	r := &s.reader
	if r.abort != nil {
		return
	}
	if r.buf == nil {
		r.buf = make([]byte, MaxLineBytes)
	}
	ctx, abort := context.WithCancel(s.process.Context())
	r.abort, r.aborted = abort, false
	buf, wake := r.buf, r.wake
	go func() {
		defer wake()
		n, err := s.device.Read(ctx, buf)
		r.results <- readResult{data: buf[:n], err: err}
	}()
}

// inputCame takes what the device has read.
func (s *service) inputCame(result readResult) {
	s.reader.abort()
	s.reader.abort = nil
	s.rearm()
	s.input = append(s.input, result.data...)
	failed := result.err != nil && len(result.data) == 0 && !s.reader.aborted
	if failed && len(s.pending) > 0 {
		t := s.active()
		var reply any = failure(errorReason(result.err))
		if errors.Is(result.err, io.EOF) {
			reply, _ = s.take(t.read, true)
		}
		s.finish(t, reply)
	}
	s.advance()
}

// cancel tells a Read that is running that nobody wants its input.
func (r *reader) cancel() {
	if r.abort != nil {
		r.abort()
		r.aborted = true
	}
}

// stop ends the goroutine and waits for it.
func (r *reader) stop() {
	if r.abort != nil {
		r.abort()
		<-r.results
	}
	r.wake()
}
