package shell

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestComplete(t *testing.T) {
	s := newSession(t)
	folder := t.TempDir() + "/"
	for _, name := range []string{"whoami.wasm", "where.txt", "wide/x.wasm", ".hidden.wasm"} {
		path := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s.wants(`Node.connect("two@host"); ticker = {start: {deep: 1}, "not a name": 1, get boom() { throw 1 }}; 0`, `0`)
	for _, c := range []struct{ line, word, want string }{
		{`Node.con`, `con`, `connect`},
		{`x = Node.`, ``, `connect disconnect list monitor monitor_nodes ping self spawn spawn_link spawn_monitor`},
		{`spa`, `spa`, `spawn spawn_link spawn_monitor`},
		{`f(tick`, `tick`, `ticker`},
		{`ticker.st`, `st`, `start`},
		{`ticker.start.d`, `d`, `deep`},
		{`ticker.boom.`, ``, ``},
		{`ticker.nothing.x`, `x`, ``},
		{`nobody.x`, `x`, ``},
		{`self().x`, ``, ``},
		{`"abc".len`, ``, ``},
		{`"text`, `text`, ``},
		{`[ticker.b`, `b`, `boom`},
		{`Process.un`, `un`, `unalias unlink unregister`},
		{`Node.connect("t`, `t`, `two@host`},
		{`x = Node.spawn( 'tw`, `tw`, `two@host`},
		{`Node.spawn("two@host", wa`, `wa`, `wasm`},
		{`wasm("` + folder + `w`, folder + `w`, folder + `whoami.wasm ` + folder + `wide/`},
		{`wasm("` + folder + `.h`, folder + `.h`, folder + `.hidden.wasm`},
		{`wasm("/nowhere/`, `/nowhere/`, ``},
		{`1 `, ``, ""},
	} {
		start, got := s.e.Complete(c.line)
		if c.line == "1 " {
			if start != 2 || !slices.Contains(got, "spawn") {
				t.Errorf("%s: %v", c.line, got)
			}
			continue
		}
		if c.line[start:] != c.word && len(got) > 0 || strings.Join(got, " ") != c.want {
			t.Errorf("%s: completes %q with %q, want %q", c.line, c.line[start:], got, c.want)
		}
	}
}

// While an input is evaluated there is nothing on offer, rather than a wait or a race.
func TestCompleteBusy(t *testing.T) {
	s := newSession(t)
	evaluated := make(chan struct{})
	go func() {
		defer close(evaluated)
		s.wants(`IO.gets("> ")`, `"x\n"`)
	}()
	s.device.shows(t, "> ")
	if start, got := s.e.Complete("spa"); start != 3 || got != nil {
		t.Errorf("got %v", got)
	}
	s.device.give("x\n")
	<-evaluated
}
