package main

import (
	"bytes"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wnode/wnode"
	"github.com/wnode/wnode/abi"
)

// shownLine is a terminal of one line.
type shownLine struct {
	mu sync.Mutex
	bytes.Buffer
}

func (s *shownLine) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.Buffer.Write(b)
}

// shows gives what is to be seen.
func (s *shownLine) shows() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.String()[strings.LastIndex(s.String(), eraseLine)+len(eraseLine):]
}

func TestStatusLine(t *testing.T) {
	module := abi.Hash{1}
	sending := wnode.Progress{Work: wnode.WorkSend, Module: module, Done: 500_000, Total: 2_000_000}
	waiting := wnode.Progress{Work: wnode.WorkWait, Module: module, Node: "two@x", From: "three@x"}
	coming := waiting
	coming.Done, coming.Total = 1<<62, 1<<62
	here := waiting
	here.Node = "one@x"
	over := waiting
	over.From = ""
	other := sending
	other.Module = abi.Hash{2}
	for name, c := range map[string]struct {
		reports []wnode.Progress
		want    string
	}{
		"sending":           {[]wnode.Progress{sending}, "sending prog.wasm  25 % of 2.0 MB ..."},
		"compiling":         {[]wnode.Progress{{Work: wnode.WorkCompile, Module: module, Total: 9}}, "compiling prog.wasm ..."},
		"waiting":           {[]wnode.Progress{waiting}, "waiting for three@x to send prog.wasm to two@x ..."},
		"and it comes":      {[]wnode.Progress{waiting, coming}, "waiting for three@x to send prog.wasm to two@x 100 % of 4611686018427.4 MB ..."},
		"waiting here":      {[]wnode.Progress{here}, "waiting for three@x to send prog.wasm ..."},
		"waiting is over":   {[]wnode.Progress{waiting, over}, ""},
		"sent":              {[]wnode.Progress{sending, {Work: wnode.WorkSend, Module: module, Done: 9, Total: 9}}, ""},
		"of another module": {[]wnode.Progress{other}, ""},
		"another one ends":  {[]wnode.Progress{waiting, {Work: wnode.WorkSend, Module: other.Module}}, "waiting for three@x to send prog.wasm to two@x ..."},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var line shownLine
				s := &statusLine{name: "prog.wasm", w: &line}
				s.follow(module, "one@x")
				_, _ = io.WriteString(&line, eraseLine)
				for _, p := range c.reports {
					s.report(p)
					time.Sleep(2 * patience)
				}
				if got := line.shows(); got != c.want {
					t.Errorf("it shows %q, want %q", got, c.want)
				}
				_, _ = printing{&line, s}.Write([]byte("output"))
				s.report(sending)
				time.Sleep(2 * patience)
				if got := line.shows(); got != "output" {
					t.Errorf("it shows %q beside what is printed", got)
				}
			})
		})
	}
}
