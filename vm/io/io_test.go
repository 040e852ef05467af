package io_test

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
	"github.com/wnode/wnode/vm"
	"github.com/wnode/wnode/vm/io"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// newSystem makes a system in which a crash is a failure. It is closed at the end of the test.
func newSystem(t *testing.T) *vm.System {
	t.Helper()
	sys := vm.New(vm.Options{Node: 1, Crashed: func(c vm.Crash) {
		t.Errorf("%s crashed: %s\n%s", c.Label, vm.FormatReason(c.Reason, nil), c.Detail)
	}})
	t.Cleanup(func() { closeSystem(t, sys) })
	return sys
}

func closeSystem(t *testing.T, sys *vm.System) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := sys.Close(ctx); err != nil {
		t.Errorf("close: %v", err)
	}
}

func start(t *testing.T, sys *vm.System, opts io.Options) *io.Server {
	t.Helper()
	server, err := io.Start(sys, opts)
	if err != nil {
		t.Fatal(err)
	}
	return server
}

// spawn runs f as a process whose group leader is the server. The channel is closed when f has returned.
func spawn(t *testing.T, sys *vm.System, leader abi.Pid, f func(p *vm.Process)) (abi.Pid, <-chan struct{}) {
	t.Helper()
	done := make(chan struct{})
	pid, err := sys.Spawn(vm.SpawnOptions{Label: "client", Leader: leader, Body: vm.Func(func(p *vm.Process) vm.Exit {
		defer close(done)
		f(p)
		return vm.Normal
	})})
	if err != nil {
		t.Fatal(err)
	}
	return pid, done
}

// run is spawn, and waits for the end.
func run(t *testing.T, sys *vm.System, leader abi.Pid, f func(p *vm.Process)) {
	t.Helper()
	_, done := spawn(t, sys, leader, f)
	<-done
}

// ask sends a request to the group leader and gives its reply.
func ask(t *testing.T, p *vm.Process, request any) any {
	t.Helper()
	reply, err := p.IORequest(p.Context(), abi.Pid{}, request)
	if err != nil {
		t.Errorf("%v: %v", request, err)
	}
	return reply
}

type list = []any

func failure(reason any) list { return list{"error", reason} }

// sameTerm compares as terms, in which there is one kind of integer.
func sameTerm(a, b any) bool {
	ea, err := term.Encode(a)
	eb, err2 := term.Encode(b)
	return err == nil && err2 == nil && reflect.DeepEqual(ea, eb)
}

func TestRequests(t *testing.T) {
	pid := abi.Pid{Node: 1, Num: 77}
	deep := any("deep")
	for range 100 {
		deep = list{deep}
	}
	tests := map[string]struct {
		latin1  bool
		input   string
		request any
		reply   any
		output  string
	}{
		// IO-02
		"text":                 {request: list{"put_chars", "unicode", "smörgås €\n"}, reply: "ok", output: "smörgås €\n"},
		"bytes are utf-8":      {request: list{"put_chars", "unicode", []byte("å")}, reply: "ok", output: "å"},
		"deep list":            {request: list{"put_chars", "unicode", list{"a", list{0xe5, list{[]byte("b")}}, list{}}}, reply: "ok", output: "aåb"},
		"very deep list":       {request: list{"put_chars", "unicode", deep}, reply: "ok", output: "deep"},
		"split character":      {request: list{"put_chars", "unicode", list{[]byte{0xc3}, []byte{0xa5}}}, reply: "ok", output: "å"},
		"nothing":              {request: list{"put_chars", "unicode", list{}}, reply: "ok"},
		"latin1 bytes":         {request: list{"put_chars", "latin1", []byte{0xe5}}, reply: "ok", output: "å"}, // IO-03
		"latin1 text":          {request: list{"put_chars", "latin1", "å"}, reply: "ok", output: "å"},
		"raw octets":           {request: list{"put_chars", "bytes", list{[]byte{0xff, 0}, 0xfe, "å"}}, reply: "ok", output: "\xff\x00\xfeå"},
		"to a latin1 device":   {latin1: true, request: list{"put_chars", "unicode", "å"}, reply: "ok", output: "\xe5"},
		"raw octets to latin1": {latin1: true, request: list{"put_chars", "bytes", []byte("å")}, reply: "ok", output: "å"},
		// IO-03
		"latin1 beyond 255":      {request: list{"put_chars", "latin1", list{256}}, reply: failure(list{"put_chars", "latin1", list{256}})},
		"latin1 text beyond 255": {request: list{"put_chars", "latin1", "€"}, reply: failure(list{"put_chars", "latin1", "€"})},
		// IO-04
		"no translation": {latin1: true, request: list{"put_chars", "unicode", "€"}, reply: failure(list{"no_translation", "unicode", "latin1"})},
		// IO-05
		"invalid utf-8":    {request: list{"put_chars", "unicode", []byte{0xff}}, reply: failure(list{"put_chars", "unicode", []byte{0xff}})},
		"surrogate":        {request: list{"put_chars", "unicode", list{0xd800}}, reply: failure(list{"put_chars", "unicode", list{0xd800}})},
		"huge code point":  {request: list{"put_chars", "unicode", list{int64(1) << 40}}, reply: failure(list{"put_chars", "unicode", list{int64(1) << 40}})},
		"no chars":         {request: list{"put_chars", "unicode", list{"a", 1.5}}, reply: failure(list{"put_chars", "unicode", list{"a", 1.5}})},
		"unknown encoding": {request: list{"put_chars", "ebcdic", "a"}, reply: failure(list{"put_chars", "ebcdic", "a"})},
		"no encoding":      {request: list{"put_chars", 1, "a"}, reply: failure(list{"put_chars", 1, "a"})},
		// IO-06
		"function":     {request: list{"put_chars", "unicode", "io_lib", "format", list{"~p", list{1}}}, reply: failure("format")},
		"old function": {request: list{"put_chars", "io_lib", "format", list{}}, reply: failure("format")},
		// IO-07, IO-08
		"line":              {input: "one\ntwo\n", request: list{"get_line", "unicode", ""}, reply: []byte("one\n")},
		"unterminated line": {input: "one", request: list{"get_line", "unicode", ""}, reply: []byte("one")},
		"end of file":       {request: list{"get_line", "unicode", ""}, reply: "eof"},
		"the data eof":      {input: "eof", request: list{"get_line", "unicode", ""}, reply: []byte("eof")},
		"chars":             {input: "åäö\n", request: list{"get_chars", "unicode", "", 2}, reply: []byte("åä")},
		"fewer chars":       {input: "åä", request: list{"get_chars", "unicode", "", 5}, reply: []byte("åä")},
		"no chars left":     {request: list{"get_chars", "unicode", "", 5}, reply: "eof"},
		"zero chars":        {request: list{"get_chars", "unicode", "", 0}, reply: []byte{}},
		"octets":            {input: "åäö", request: list{"get_chars", "bytes", "", 3}, reply: []byte("å\xc3")},
		"broken tail":       {input: "a\xc3", request: list{"get_chars", "bytes", "", 9}, reply: []byte("a\xc3")},
		"too many chars":    {request: list{"get_chars", "unicode", "", io.MaxChars + 1}, reply: failure("get_chars")},
		"negative chars":    {request: list{"get_chars", "unicode", "", -1}, reply: failure("get_chars")},
		"prompt is output":  {input: "x\n", request: list{"get_line", "unicode", "name? "}, reply: []byte("x\n"), output: "name? "},
		"prompt is a term":  {input: "x\n", request: list{"get_line", "unicode", pid}, reply: []byte("x\n"), output: "#PID<0.77.0>"}, // IO-11
		"latin1 prompt":     {latin1: true, input: "x\n", request: list{"get_line", "unicode", "å"}, reply: []byte("x\n"), output: "\xe5"},
		// IO-09
		"latin1 line":          {input: "å\n", request: list{"get_line", "latin1", ""}, reply: []byte("\xe5\n")},
		"latin1 line beyond":   {input: "€\n", request: list{"get_line", "latin1", ""}, reply: failure(list{"no_translation", "unicode", "latin1"})},
		"invalid line":         {input: "\xff\n", request: list{"get_line", "unicode", ""}, reply: failure(list{"no_translation", "unicode", "unicode"})},
		"invalid line, raw":    {input: "\xff\n", request: list{"get_line", "bytes", ""}, reply: []byte("\xff\n")},
		"line of latin1":       {latin1: true, input: "\xe5\n", request: list{"get_line", "unicode", ""}, reply: []byte("å\n")},
		"latin1 of latin1":     {latin1: true, input: "\xe5\n", request: list{"get_line", "latin1", ""}, reply: []byte("\xe5\n")},
		"bad encoding of line": {input: "a\n", request: list{"get_line", "ebcdic", ""}, reply: failure("get_line")},
		// IO-10
		"get_until":     {input: "a\n", request: list{"get_until", "unicode", "", "io_lib", "fread", list{}}, reply: failure("enotsup")},
		"old get_until": {input: "a\n", request: list{"get_until", "", "io_lib", "fread", list{}}, reply: failure("enotsup")},
		// IO-12
		"getopts":             {request: "getopts", reply: list{list{"binary", true}, list{"encoding", "unicode"}}},
		"getopts of latin1":   {latin1: true, request: "getopts", reply: list{list{"binary", true}, list{"encoding", "latin1"}}},
		"setopts":             {request: list{"setopts", list{"binary", list{"encoding", "utf8"}}}, reply: "ok"},
		"setopts, no list":    {request: list{"setopts", "binary"}, reply: failure("request")},
		"setopts, lists":      {request: list{"setopts", list{"list"}}, reply: failure("enotsup")},
		"setopts, no binary":  {request: list{"setopts", list{list{"binary", false}}}, reply: failure("enotsup")},
		"setopts, echo":       {request: list{"setopts", list{list{"echo", true}}}, reply: failure("enotsup")},
		"setopts, junk":       {request: list{"setopts", list{list{list{}, list{}}, 5}}, reply: failure("enotsup")},
		"setopts, all or non": {request: list{"requests", list{list{"setopts", list{list{"encoding", "latin1"}, "junk"}}}}, reply: failure("enotsup")},
		// IO-13
		"batch":              {request: list{"requests", list{list{"put_chars", "unicode", "a"}, list{"put_chars", "unicode", "b"}}}, reply: "ok", output: "ab"},
		"batch with read":    {input: "in\n", request: list{"requests", list{list{"get_line", "unicode", "? "}, list{"put_chars", "unicode", "b"}}}, reply: "ok", output: "? b"},
		"batch ends in read": {input: "in\n", request: list{"requests", list{list{"put_chars", "unicode", "a"}, list{"get_line", "unicode", ""}}}, reply: []byte("in\n"), output: "a"},
		"empty batch":        {request: list{"requests", list{}}, reply: "ok"},
		"batch stops":        {request: list{"requests", list{list{"put_chars", "unicode", "a"}, "junk", list{"put_chars", "unicode", "b"}}}, reply: failure("request"), output: "a"},
		"batch in batch":     {request: list{"requests", list{list{"requests", list{list{"put_chars", "unicode", "a"}, list{"requests", list{}}}}, "getopts"}}, reply: list{list{"binary", true}, list{"encoding", "unicode"}}, output: "a"},
		"no batch":           {request: list{"requests", 5}, reply: failure("request")},
		// IO-14
		"geometry":         {request: list{"get_geometry", "columns"}, reply: failure("enotsup")},
		"geometry of what": {request: list{"get_geometry", list{}}, reply: failure("request")},
		// IO-15
		"unknown request": {request: list{"put_cash", 5}, reply: failure("request")},
		"no request":      {request: 42, reply: failure("request")},
		"empty request":   {request: list{}, reply: failure("request")},
		"named by a list": {request: list{list{}, 1}, reply: failure("request")},
		"too few":         {request: list{"get_chars", 1}, reply: failure("request")},
		"too many":        {request: list{"get_line", 1, 2, 3}, reply: failure("request")},
		"far too many":    {request: list{"put_chars", 1, 2, 3, 4, 5}, reply: failure("request")},
		// IO-16
		"old put_chars": {request: list{"put_chars", []byte{0xe5}}, reply: "ok", output: "å"},
		"old get_line":  {input: "å\n", request: list{"get_line", "? "}, reply: []byte("\xe5\n"), output: "? "},
		"old get_chars": {input: "åä", request: list{"get_chars", "", 1}, reply: []byte("\xe5")},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			sys, out := newSystem(t), io.NewCapture(0)
			server := start(t, sys, io.Options{
				Device: io.NewStream(io.StreamOptions{Output: out, Input: strings.NewReader(tt.input)}), Latin1: tt.latin1,
			})
			run(t, sys, server.Pid(), func(p *vm.Process) {
				if reply := ask(t, p, tt.request); !sameTerm(reply, tt.reply) {
					t.Errorf("reply %s, want %s", term.Format(reply, nil), term.Format(tt.reply, nil))
				}
			})
			if got := out.String(); got != tt.output {
				t.Errorf("output %q, want %q", got, tt.output)
			}
		})
	}
}

// IO-01: what is no request is ignored, and the server goes on.
func TestJunkIsIgnored(t *testing.T) {
	sys, out := newSystem(t), io.NewCapture(0)
	server := start(t, sys, io.Options{Device: out})
	run(t, sys, server.Pid(), func(p *vm.Process) {
		for _, junk := range [][]byte{
			nil,
			{0xff},
			[]byte("junk"), term.MustEncode("io_request"), term.MustEncode(list{"io_request"}),
			term.MustEncode(list{"io_request", "no pid", 1, list{"put_chars", "unicode", "x"}}),
			term.MustEncode(list{"io_reply", p.Pid(), 1, list{"put_chars", "unicode", "x"}}),
			term.MustEncode(list{"io_request", p.Pid(), 1, list{"put_chars", "unicode", "x"}, "more"}),
		} {
			if err := p.Send(p.Context(), server.Pid(), junk); err != nil {
				t.Error(err)
			}
		}
		if reply := ask(t, p, list{"put_chars", "unicode", "good"}); reply != "ok" {
			t.Error(reply)
		}
	})
	if out.String() != "good" {
		t.Errorf("output %q", out.String())
	}
}

// IO-01: the reply goes to whoever the request names, with an opaque reply_as.
func TestReplyGoesToFrom(t *testing.T) {
	sys := newSystem(t)
	server := start(t, sys, io.Options{Device: io.NewCapture(0)})
	as := map[any]any{"any": list{int64(1), nil, []byte("x")}}
	receiver, done := spawn(t, sys, abi.Pid{}, func(p *vm.Process) {
		m, err := p.Receive(p.Context(), vm.Infinity)
		if err != nil || m.From != server.Pid() || !sameTerm(term.Raw(m.Data), list{"io_reply", as, "ok"}) {
			t.Errorf("%x from %v, %v", m.Data, m.From, err)
		}
	})
	run(t, sys, abi.Pid{}, func(p *vm.Process) {
		request := list{"io_request", receiver, as, list{"put_chars", "unicode", "x"}}
		if err := p.Send(p.Context(), server.Pid(), term.MustEncode(request)); err != nil {
			t.Error(err)
		}
	})
	<-done
}

// Diagnostics go to where the device keeps them, else to the output.
func TestDiagnostics(t *testing.T) {
	for name, apart := range map[string]bool{"apart": true, "together": false} {
		t.Run(name, func(t *testing.T) {
			sys, out, diagnostics := newSystem(t), io.NewCapture(0), io.NewCapture(0)
			opts, want, wantApart := io.StreamOptions{Output: out}, "o1 e1 o2", ""
			if apart {
				opts.Errors, want, wantApart = diagnostics, "o1 o2", "e1 "
			}
			server := start(t, sys, io.Options{Device: io.NewStream(opts)})
			run(t, sys, server.Pid(), func(p *vm.Process) {
				if err := errors.Join(
					p.Write(p.Context(), abi.Pid{}, []byte("o1 ")),
					p.WriteError(p.Context(), abi.Pid{}, []byte("e1 ")),
					p.Write(p.Context(), abi.Pid{}, []byte("o2")),
				); err != nil {
					t.Error(err)
				}
				reply, bad := ask(t, p, list{"put_error", "latin1", list{256}}), list{"put_chars", "latin1", list{256}}
				if !sameTerm(reply, failure(bad)) {
					t.Errorf("reply %s", term.Format(reply, nil))
				}
			})
			if out.String() != want || diagnostics.String() != wantApart {
				t.Errorf("output %q, diagnostics %q", out.String(), diagnostics.String())
			}
		})
	}
}

// A request that is too large is an error, not silence.
func TestRequestTooLarge(t *testing.T) {
	sys := newSystem(t)
	server := start(t, sys, io.Options{Device: io.NewCapture(0)})
	run(t, sys, server.Pid(), func(p *vm.Process) {
		reply := ask(t, p, list{"put_chars", "unicode", strings.Repeat("x", io.MaxRequestBytes)})
		if !sameTerm(reply, failure("too_large")) {
			t.Error(reply)
		}
	})
}

// A server without a device is not started; one in a closed system neither.
func TestStartFails(t *testing.T) {
	sys := newSystem(t)
	if _, err := io.Start(sys, io.Options{}); err == nil {
		t.Error("started without a device")
	}
	closeSystem(t, sys)
	if _, err := io.Start(sys, io.Options{Device: io.NewCapture(0)}); err == nil {
		t.Error("started in a closed system")
	}
}

func FuzzRequest(f *testing.F) {
	for _, request := range []any{
		list{"put_chars", "unicode", list{"a", list{[]byte("b"), 0xe5}}},
		list{"put_chars", "latin1", "x"},
		list{"requests", list{list{"setopts", list{list{"encoding", "latin1"}}}, "getopts"}},
		list{"get_chars", "unicode", "?", 3},
		list{"get_line", "p"},
		list{"get_geometry", "rows"},
	} {
		f.Add(term.MustEncode(list{"io_request", abi.Pid{Node: 1, Num: 1}, 1, request}))
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		sys := newSystem(t)
		server := start(t, sys, io.Options{
			Device: io.NewStream(io.StreamOptions{Output: io.NewCapture(0), Input: strings.NewReader("some\ninput")}),
		})
		run(t, sys, server.Pid(), func(p *vm.Process) {
			_ = p.Send(p.Context(), server.Pid(), message)
			if reply := ask(t, p, list{"put_chars", "bytes", "x"}); reply != "ok" {
				t.Error(reply)
			}
		})
	})
}
