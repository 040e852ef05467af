//go:build linux

package e2e

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

func TestHeadless(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	for name, sig := range map[string]os.Signal{"SIGTERM": syscall.SIGTERM, "SIGINT": os.Interrupt} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := h.in(t)
			node := strings.ToLower(name) + "@127.0.0.1"
			s := h.headless(node, "--eval", `IO.puts("up"); Node.self()`)
			if s.name != node || !regexp.MustCompile(`^127\.0\.0\.1:\d+$`).MatchString(s.addr) {
				t.Errorf("node %s listening on %s", s.name, s.addr)
			}
			s.Out.AwaitLine(t, "^up$")
			peer := h.headless("peer-of-"+node, "--connect", node)
			s.Log.AwaitLine(t, "node up peer="+peer.name)
			if code := s.Stop(sig); code != 0 {
				t.Errorf("exit code %d", code)
			}
			if out := s.Out.String(); out != "up\n" {
				t.Errorf("standard output %q", out)
			}
			peer.Log.AwaitLine(t, "node down peer="+node)
		})
	}
}

// A remote process whose group leader is a headless node's writes to its standard output.
func TestHeadlessOutput(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	one := h.headless(nodeOne, "--eval", `global.register_name("out", group_leader())`)
	if got := h.eval(`IO.puts(global.whereis_name("out"), "from afar")`, "--connect", nodeOne); got != `"ok"` {
		t.Errorf("got %s", got)
	}
	one.Out.AwaitLine(t, "^from afar$")
}

func TestNames(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	one, two := h.headless(nodeOne), h.headless(nodeTwo)
	port := func(s *server) string { return s.addr[strings.LastIndex(s.addr, ":")+1:] }
	h.run("names").want(t, 0, "node_one  port "+port(one)+"\nnode_two  port "+port(two)+"\n", "")
	var rows []struct {
		Name string      `json:"name"`
		Port json.Number `json:"port"`
	}
	r := h.run("names", "--json")
	if err := json.Unmarshal([]byte(r.stdout), &rows); err != nil || r.code != 0 || len(rows) != 2 ||
		rows[0].Name != "node_one" || rows[0].Port.String() != port(one) || rows[1].Name != "node_two" {
		t.Errorf("%v: %+v", err, r)
	}
}

// Who connects to one node of a cluster is connected to all.
func TestConnectToOneIsToAll(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	a := h.headless("a@127.0.0.1")
	b := h.headless("b@127.0.0.1", "--connect", a.name)
	c := h.headless("c@127.0.0.1", "--connect", b.name)
	if got := h.eval(`Node.list()`, "--connect", c.name); got != `["a@127.0.0.1", "b@127.0.0.1", "c@127.0.0.1"]` {
		t.Errorf("got %s", got)
	}
	for _, s := range []*server{a, b, c} {
		s.Log.AwaitLine(t, "node down peer=.* reason=connection_closed")
	}
}

// Nodes that come and go all the time have nothing to say about it.
func TestNodesComeAndGo(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	a := h.headless("a@127.0.0.1")
	b := h.headless("b@127.0.0.1", "--connect", a.name)
	for range 10 {
		if got := h.eval(`1`, "--connect", b.name); got != "1" {
			t.Errorf("got %s", got)
		}
	}
	for _, s := range []*server{a, b} {
		if s.Stop(os.Interrupt) != 0 || strings.Contains(s.Log.String(), "[warning]") || strings.Contains(s.Log.String(), "[error]") {
			t.Errorf("%s says\n%s", s.name, s.Log)
		}
	}
}

// A cookie that differs is told on both sides, with what to do.
func TestConnectWrongCookie(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	one := h.headless(nodeOne)
	h.run(nodeArgs("eval", []string{"--cookie", "another", "--connect", nodeOne, "1"})...).
		wantError(t, 1, `cannot connect to node_one@127\.0\.0\.1: the cookies differ, or the node at \S+ has another name: give both nodes the same --cookie or --cookie-file`)
	one.Log.AwaitLine(t, `\*\* Connection attempt from disallowed node \S+ \*\*`)
}

// The address leads to a node without any name service.
func TestConnectByPort(t *testing.T) {
	t.Parallel()
	h, other := newHost(t), newHost(t)
	other.home = h.home // the same cookie, another machine
	one := other.headless(nodeOne)
	port := one.addr[strings.LastIndex(one.addr, ":"):]
	if got := h.eval(`[Node.connect("node_one@127.0.0.1"), Node.connect("node_one@127.0.0.1` + port + `"), Node.list()]`); got != `[false, true, ["node_one@127.0.0.1"]]` {
		t.Errorf("got %s", got)
	}
}

// When the node that answers for the others dies, another one does.
func TestHolderOfPortDies(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	holder := h.headless("holder@127.0.0.1")
	h.headless("b@127.0.0.1")
	h.headless("c@127.0.0.1")
	if code := holder.Stop(os.Kill); code != -1 {
		t.Fatalf("exit code %d", code)
	}
	got := h.eval(`while (Node.ping("b@127.0.0.1") != "pong" || Node.ping("c@127.0.0.1") != "pong") receive(10);
		[Node.ping("holder@127.0.0.1"), Node.list()]`)
	if got != `["pang", ["b@127.0.0.1", "c@127.0.0.1"]]` {
		t.Errorf("got %s", got)
	}
	h.headless("holder@127.0.0.1") // the name is free
	if got := h.run("names"); strings.Count(got.stdout, "\n") != 3 {
		t.Errorf("names: %+v", got)
	}
}

func TestTwoNodesOneName(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	one := h.headless(nodeOne)
	h.run(nodeArgs("start", []string{"--headless", "--name", nodeOne})...).
		wantError(t, 1, `the name node_one@127\.0\.0\.1 seems to be in use by another node on this host: choose another with --name`)

	// On another machine the name is free. The nodes that know the first one refuse the second.
	other := newHost(t)
	other.home = h.home
	twin, two := other.headless(nodeOne), h.headless(nodeTwo, "--connect", nodeOne)
	one.Log.AwaitLine(t, "node up peer=node_two@127.0.0.1")
	_, port, _ := strings.Cut(two.addr, ":")
	r := other.run(nodeArgs("eval", []string{"--name", nodeOne, "--connect", nodeTwo + ":" + port, "1"})...)
	r.wantError(t, 1, `the name node_one@127\.0\.0\.1 seems to be in use by another node on this host: choose another with --name`)
	if code := twin.Stop(os.Interrupt); code != 0 {
		t.Errorf("exit code %d", code)
	}
	other.run(nodeArgs("eval", []string{"--name", nodeOne, "--connect", nodeTwo + ":" + port, "1"})...).
		wantError(t, 1, `cannot connect to node_two@127\.0\.0\.1: another node with this node's name is connected there: choose another --name`)
	two.Log.AwaitLine(t, `\*\* Connection attempt from a second node named node_one@127\.0\.0\.1 \*\*`)
}

// A node that dies without a word is down as soon as its machine says that its port is closed, and what it had
// registered is free (DIST-20).
func TestNodeDies_realtime(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	one := h.window("", nodeOne, "--log-level", "INFO")
	two := h.headless(nodeTwo, "--connect", nodeOne, "--eval", `global.register_name("two", group_leader())`)
	one.expect("node up peer=node_two@127.0.0.1")
	one.gives(`while (!global.whereis_name("two")) receive(10); Node.list()`, `["node_two@127.0.0.1"]`)
	one.awaitPrompt()
	two.Stop(os.Kill)
	one.showsAbove(`.*\[info\] node down peer=node_two@127\.0\.0\.1 reason=connection_closed`)
	one.awaitPrompt()
	one.gives(`[Node.list(), global.whereis_name("two"), Node.ping("node_two@127.0.0.1")]`, `[[], undefined, "pang"]`)
}
