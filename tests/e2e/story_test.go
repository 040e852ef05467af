//go:build linux

package e2e

import (
	"os"
	"path/filepath"
	"testing"
)

// The story that wnode tells, window by window. What is typed and what appears is as close to it as
// JavaScript and WebAssembly let it be.

const nodeOne, nodeTwo = "node_one@127.0.0.1", "node_two@127.0.0.1"

// A function is spawned here and there, and writes to the window in which it was spawned.
func TestSpawn(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	two := h.window(t.TempDir(), nodeTwo)
	one := h.window(example(t, "whoami"), nodeOne)

	one.types(`func = wasm("whoami.wasm")`, `#Function<whoami\.wasm sha256:[0-9a-f]+\.\.\.>`)
	one.types(`spawn(func)`, either(nodeOne, localPid))
	one.types(`Node.spawn("node_one@127.0.0.1", func)`, either(nodeOne, localPid))
	one.types(`Node.spawn("node_two@127.0.0.1", func)`, either(nodeTwo, remotePid))
	// The pid stays the same, and the process has ended.
	one.types(`Node.spawn("node_two@127.0.0.1", func)`, either(nodeTwo, remotePid))
	// Nothing of it is to be seen in the other window.
	two.until(`Node.list().length == 1`)
	two.gives(`Node.list()`, `["node_one@127.0.0.1"]`)
}

// Both nodes see that they are connected.
func TestConnect(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	one, two := h.window("", nodeOne), h.window("", nodeTwo)

	two.gives(`Node.list()`, `[]`)
	two.gives(`Node.connect("node_one@127.0.0.1")`, `true`)
	two.gives(`Node.list()`, `["node_one@127.0.0.1"]`)
	one.until(`Node.list().length == 1`)
	one.gives(`Node.list()`, `["node_two@127.0.0.1"]`)
	one.gives(`Node.self()`, `"node_one@127.0.0.1"`)
	two.gives(`Node.disconnect("node_one@127.0.0.1")`, `true`)
	two.gives(`Node.list()`, `[]`)
	two.gives(`Node.connect("node_three@127.0.0.1")`, `false`)
}

// A node with another cookie is turned away, and the window that it knocked at tells who it was,
// without spoiling the line that is being typed there.
func TestWrongCookie(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	one := h.window("", nodeOne, "--cookie", "the-first-cookie-of-this-test")
	two := h.window("", nodeTwo, "--cookie", "the-other-cookie-of-this-test")

	two.keys("Node.li")
	two.expect(`^wnode\(node_two@127\.0\.0\.1\)1> Node\.li$`)
	one.gives(`Node.connect("node_two@127.0.0.1")`, `false`)
	one.gives(`Node.list()`, `[]`)
	two.showsAbove(`\d\d:\d\d:\d\d\.\d{3} \[error\] \*\* Connection attempt from disallowed node node_one@127\.0\.0\.1 \*\* addr=127\.0\.0\.1:\d+`)
	two.enter("st()")
	two.expect(`^wnode\(node_two@127\.0\.0\.1\)1> Node\.list\(\)\n\[\]\nwnode\(node_two@127\.0\.0\.1\)2>$`)
	two.prompts++
}

// Nodes of one user share a cookie that nobody had to choose.
func TestDefaultCookie(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	one, two := h.window("", "node_one"), h.window("", "node_two")

	one.gives(`Node.connect("`+two.name+`")`, `true`)
	two.until(`Node.list().length == 1`)
	two.gives(`Node.list()`, `["`+one.name+`"]`)
	info, err := os.Stat(filepath.Join(h.home, ".wnode.cookie"))
	if err != nil {
		t.Fatal(err)
	}
	if mode := info.Mode(); mode != 0o400 {
		t.Errorf("the cookie file has mode %v", mode)
	}
}

// One window writes into the other, by the name that this one has given to its group leader.
func TestPutsInOtherWindow(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	one, two := h.window("", "one@127.0.0.1"), h.window("", "two@127.0.0.1")

	one.gives(`global.whereis_name("two")`, `undefined`)
	two.gives(`Node.connect("one@127.0.0.1")`, `true`)
	two.gives(`global.register_name("two", group_leader())`, `"yes"`)
	one.types(`two = global.whereis_name("two")`, remotePid)
	two.awaitPrompt()
	one.gives(`IO.puts(two, "Hello")`, `"ok"`)
	one.gives(`IO.puts(two, "World!")`, `"ok"`)
	two.expect(`^Hello\nWorld!\nwnode\(two@127\.0\.0\.1\)3>$`)

	one.gives(`global.register_name("two", group_leader())`, `"no"`)
	two.gives(`global.unregister_name("two")`, `"ok"`)
	one.until(`!global.whereis_name("two")`)
}

// Nodes on two machines, which are two loopback addresses here, with a cookie that was agreed upon.
func TestTwoMachines(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	foo := h.window("", "foo@127.0.0.1", "--cookie", "chocolate")

	foo.gives(`Node.ping("bar@127.0.0.2")`, `"pang"`)
	bar := h.window("", "bar@127.0.0.2", "--cookie", "chocolate", "--listen", "127.0.0.2:0")
	foo.gives(`Node.ping("bar@127.0.0.2")`, `"pong"`)
	foo.gives(`Node.list()`, `["bar@127.0.0.2"]`)
	bar.until(`Node.list().length == 1`)
	bar.gives(`Node.list()`, `["foo@127.0.0.1"]`)
	bar.gives(`Node.ping("foo@127.0.0.1")`, `"pong"`)
	bar.gives(`Node.ping("bar@127.0.0.2")`, `"pong"`)
	bar.gives(`Node.ping("nobody@127.0.0.1")`, `"pang"`)
}

// The ticker, in Go, ticks for a client on another node, in Rust.
func TestTicker(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	dir := t.TempDir()
	h.tickerModule(dir)
	one, two := h.window(dir, nodeOne), h.window(example(t, "ticker-client"), nodeTwo)

	two.gives(`Node.connect("node_one@127.0.0.1")`, `true`)
	one.types(`ticker = spawn(wasm("ticker.wasm"), "100")`, localPid)
	two.until(`global.whereis_name("ticker")`)
	two.types(`client = spawn(wasm("ticker-client.wasm"), "3")`, localPid)
	two.showsAbove(`tock in client\ntock in client\ntock in client`)
	// The client has ended and the server goes on.
	two.until(`!Process.info(client)`)
	one.types(`Process.info(ticker).registered_name ?? global.whereis_name("ticker")`, localPid)
	one.gives(`Process.exit(ticker, "kill")`, `true`)
}

// Whoever asks last for a line gets the next one that is typed, and then the shell has its prompt back.
func TestGets(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	one, two := h.window("", "one@127.0.0.1"), h.window(example(t, "upcase"), "two@127.0.0.1")

	two.gives(`Node.connect("one@127.0.0.1")`, `true`)
	two.gives(`global.register_name("two", group_leader())`, `"yes"`)
	two.awaitPrompt()
	one.begin(`IO.gets(global.whereis_name("two"), "name? ")`)
	two.awaitCursor("name? ")
	two.enter("Ada")
	one.end(`IO.gets(global.whereis_name("two"), "name? ")`, `"Ada\\n"`)
	two.expect(`^name\? Ada\nwnode\(two@127\.0\.0\.1\)3>$`)

	// A program on the other node reads what is typed here, and writes here, as long as the shell is busy.
	const wait = `Node.spawn("one@127.0.0.1", wasm("upcase.wasm")); while (!global.whereis_name("go")) receive(1); "gone"`
	two.begin(wait)
	two.awaitCursor("")
	two.enter("shout")
	two.expect(`^shout\nSHOUT$`)
	two.awaitCursor("") // it has asked for more, before the shell does
	one.gives(`global.register_name("go", self())`, `"yes"`)
	two.end(wait, `shout\nSHOUT\n"gone"`)
	two.gives(`"the shell asked last"`, `"the shell asked last"`)

	// The program still waits, and gets the end of the input while the shell is busy again.
	two.begin(`while (global.whereis_name("go")) receive(1); "free"`)
	two.awaitCursor("")
	two.enter("more")
	two.expect(`^more\nMORE$`)
	two.awaitCursor("")
	two.keys("\x04")
	two.awaitBusy()
	one.gives(`global.unregister_name("go")`, `"ok"`)
	two.end(`while (global.whereis_name("go")) receive(1); "free"`, `more\nMORE\n(\^D\n)?"free"`)
}
