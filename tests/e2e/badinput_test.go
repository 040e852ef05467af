//go:build linux

package e2e

import (
	"bytes"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wnode/wnode/internal/wasmtest"
)

// importing gives a module that imports a function, and does nothing.
func importing(from, name string) []byte {
	m := wasmtest.Entry()
	m.Imports = []wasmtest.Import{{Module: from, Name: name}}
	return m.Bytes()
}

// Whatever is wrong with a module is told in one line.
func TestBadModule(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	two := h.headless(nodeTwo, "--max-module", "1000")
	file := func(name string, content []byte) string {
		path := filepath.Join(h.home, name)
		write(t, path, content, 0o644)
		return path
	}
	whole, err := os.ReadFile(guest(t, "upcase"))
	if err != nil {
		t.Fatal(err)
	}
	other := (&wasmtest.Module{}).Fn("other").Bytes()
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"missing file":    {[]string{filepath.Join(h.home, "missing.wasm")}, `cannot read .*missing\.wasm: no such file or directory`},
		"folder":          {[]string{h.home}, `cannot read .*: is a directory`},
		"empty":           {[]string{file("empty.wasm", nil)}, `empty\.wasm: not a WebAssembly module: empty`},
		"no wasm":         {[]string{file("no.wasm", []byte("#!/bin/sh\n"))}, `no\.wasm: not a WebAssembly module: .*`},
		"text":            {[]string{file("m.wat", []byte("(module)\n"))}, `m\.wat: not a WebAssembly module: WebAssembly text; translate it with wat2wasm first`},
		"cut off":         {[]string{file("cut.wasm", whole[:len(whole)/2])}, `cut\.wasm.*: .*`},
		"noise":           {[]string{file("noise.wasm", append(whole[:8:8], bytes.Repeat([]byte{0xa5}, 100)...))}, `noise\.wasm.*: .*`},
		"unknown module":  {[]string{file("env.wasm", importing("env", "abort"))}, `env\.wasm cannot be run: unknown import env\.abort: .*; a node gives the functions of wnode and of WASI preview 1 \(wasi_snapshot_preview1\)`},
		"unknown import":  {[]string{file("imp.wasm", importing("wnode", "mystery"))}, `imp\.wasm cannot be run: unknown import wnode\.mystery: this node does not have it; .*`},
		"browser":         {[]string{file("js.wasm", importing("wbg", "__wbindgen_throw"))}, `js\.wasm cannot be run: unknown import wbg\.__wbindgen_throw: it was built for a browser with wasm-bindgen; build it for wasm32-wasip1; .*`},
		"preview 2":       {[]string{file("p2.wasm", importing("wasi:cli/stdout@0.2.0", "get-stdout"))}, `p2\.wasm cannot be run: unknown import wasi:cli/stdout@0\.2\.0\.get-stdout: it was built for WASI preview 2 .*`},
		"other type":      {[]string{file("type.wasm", importing("wnode", "node_name"))}, `type\.wasm cannot be run: import wnode\.node_name has type \(\) -> \(\), not .*`},
		"no such export":  {[]string{file("other.wasm", other)}, `other\.wasm cannot be run: it has no export _start, which is where a program starts, but other; .*`},
		"there":           {[]string{"--on", nodeTwo, file("there.wasm", other)}, `there\.wasm cannot be run: it has no export _start, .*`},
		"too large":       {[]string{"--max-module", "1000", guest(t, "upcase")}, `upcase\.wasm: module too large: \d+ bytes, at most 1000; --max-module takes larger ones`},
		"too large there": {[]string{"--on", nodeTwo, guest(t, "upcase")}, `upcase\.wasm .*module too large: \d+ bytes, at most 1000`},
		"by default":      {[]string{file("large.wasm", wasmtest.Entry().Custom("padding", make([]byte, 64<<20)).Bytes())}, `large\.wasm: module too large: \d+ bytes, at most 67108864; --max-module takes larger ones`},
	} {
		t.Run(name, func(t *testing.T) {
			h.in(t).run(nodeArgs("run", c.args)...).wantError(t, 1, c.want)
		})
	}
	two.Log.AwaitLine(t, "module too large")
	if got := h.eval(`Node.ping("node_two@127.0.0.1")`); got != `"pong"` {
		t.Errorf("%s gives %s", nodeTwo, got)
	}
}

// In a shell it is an exception, and the shell goes on.
func TestBadModuleInShell(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	write(t, filepath.Join(h.home, "m.wat"), []byte("(module)\n"), 0o644)
	write(t, filepath.Join(h.home, "imp.wasm"), importing("wnode", "mystery"), 0o644)
	write(t, filepath.Join(h.home, "trap.wasm"), wasmtest.Entry(wasmtest.Unreachable).Bytes(), 0o644)
	sparse(t, filepath.Join(h.home, "large.wasm"), 64<<20+1)
	w := h.window(h.home, nodeOne)
	two := h.headless(nodeTwo)
	w.types(`wasm("m.wat")`, `Uncaught Error: wasm: m\.wat: not a WebAssembly module: WebAssembly text; .*`)
	w.types(`wasm("missing.wasm")`, `Uncaught Error: wasm: cannot read missing\.wasm: no such file or directory.*`)
	w.types(`wasm(".")`, `Uncaught Error: wasm: cannot read \.: is a directory.*`)
	w.types(`wasm("/dev/zero")`, `Uncaught Error: wasm: cannot read /dev/zero: not a regular file.*`)
	w.types(`wasm("large.wasm")`, `Uncaught Error: wasm: large\.wasm: module too large: 67108865 bytes, at most 67108864; --max-module takes larger ones.*`)
	w.types(`1 + * 2`, `Uncaught SyntaxError: Unexpected token \* \(input 6, line 1, column 5\)\n  1 \+ \* 2\n      \^`)
	w.types(`spawn(1)`, `Uncaught TypeError: spawn: argument 1 must be a function made by wasm\("file\.wasm"\), not 1.*`)
	crash := func(where, pid, reason string) string {
		return `\d\d:\d\d:\d\d\.\d{3} \[error\] Process ` + pid + ` on node ` + where + ` crashed in .*: .*` + reason + `.*`
	}
	w.types(`spawn(wasm("imp.wasm"))`, either(localPid, crash(nodeOne, localPid, "mystery")))
	w.types(`Node.spawn("node_two@127.0.0.1", wasm("trap.wasm"))`, either(remotePid, crash(nodeTwo, remotePid, "unreachable")))
	w.types(`Node.spawn("node_two@127.0.0.1", wasm("missing.wasm"))`, `Uncaught Error: .*missing\.wasm.*`)
	w.types(`Node.spawn("nobody@127.0.0.1", wasm("trap.wasm"))`, either(localPid, `.*\[warning\] \*\* Can not start #Function<trap\.wasm sha256:[0-9a-f]{4}\.\.\.> on nobody@127\.0\.0\.1 \*\* .*`))
	w.gives(`"still here"`, `"still here"`)
	two.Log.AwaitLine(t, `Process #PID<0\.\d+\.\d+> on node node_two@127\.0\.0\.1 crashed`)
}

// sparse makes a file of zeros.
func sparse(t *testing.T, path string, size int64) {
	t.Helper()
	write(t, path, nil, 0o644)
	if err := os.Truncate(path, size); err != nil {
		t.Fatal(err)
	}
}

// A file whose size alone rules it out is not read.
func TestHugeModule(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	path := filepath.Join(h.home, "huge.wasm")
	sparse(t, path, 1<<40)
	h.run(nodeArgs("run", []string{path})...).wantError(t, 1, `huge\.wasm: module too large: 1099511627776 bytes, at most 67108864; --max-module takes larger ones`)
}

func TestBadArguments(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	used, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = used.Close() }) // the subtests outlive this function
	port := used.LocalAddr().String()
	const illegal = `the part before the @ may hold letters, digits, '_', '-' and '\.', and begins with a letter, digit or '_'`
	start := []string{"start", "--headless"}
	for name, c := range map[string]struct {
		args []string
		code int
		want string
	}{
		"space in name":       {append(start, "--name", "a b"), 1, `invalid node name "a b": ` + illegal},
		"umlaut in name":      {append(start, "--name", "ä@127.0.0.1"), 1, `invalid node name "ä@127\.0\.0\.1": ` + illegal},
		"control in name":     {append(start, "--name", "a\x1b[2J"), 1, `invalid node name "a\\x1b\[2J": ` + illegal},
		"no name":             {append(start, "--name", ""), 1, `invalid node name "": give NAME or NAME@HOST, or leave out --name .*`},
		"bad size":            {[]string{"run", "--max-module", "x", "m.wasm"}, 2, `invalid argument "x" for "--max-module" flag: give a number of bytes above 0, as in 1000000, 500KiB or 64MiB .*`},
		"bad unit":            {[]string{"run", "--max-module", "64 furlongs", "m.wasm"}, 2, `invalid argument .*: give a number of bytes above 0, as in .*`},
		"size 0":              {[]string{"run", "--max-module", "0", "m.wasm"}, 2, `invalid argument .*: give a number of bytes above 0, as in .*`},
		"huge size":           {[]string{"run", "--max-module", "2GiB", "m.wasm"}, 2, `invalid argument "2GiB" for "--max-module" flag: give at most 1GiB .*`},
		"size beyond numbers": {[]string{"run", "--max-module", "99999999999999999999GB", "m.wasm"}, 2, `invalid argument .*: give at most 1GiB .*`},
		"no host":             {append(start, "--name", "a@"), 1, `invalid node name "a@": no host follows the @`},
		"two hosts":           {append(start, "--name", "a@b@c"), 1, `invalid node name "a@b@c": it has more than one @`},
		"port in name":        {append(start, "--name", "a@b:1"), 1, `invalid node name .*a@b:1.*--listen`},
		"long name":           {append(start, "--name", strings.Repeat("a", 300)), 1, `invalid node name "a+.*: the part before the @ is longer than 64 characters`},
		"port in use":         {append(start, "--listen", port), 1, `cannot listen on .*: the port is in use; choose another with --listen HOST:PORT.*`},
		"no port":             {append(start, "--listen", "127.0.0.1:99999"), 1, `cannot listen on "127\.0\.0\.1:99999": give HOST:PORT.*`},
		"not our address":     {append(start, "--listen", "192.0.2.1:0"), 1, `cannot listen on 192\.0\.2\.1:0: that is not an address of this machine; give one with --listen HOST:PORT, or :PORT for all of them`},
		"unknown flag":        {[]string{"start", "--bogus"}, 2, `unknown flag: --bogus.*wnode start --help.*`},
		"flag without value":  {[]string{"start", "--name"}, 2, `flag needs an argument: --name.*wnode start --help.*`},
		"flag of bad value":   {[]string{"eval", "--log-level", "loud", "1"}, 2, `invalid argument "loud" for "--log-level" flag: give DEBUG, INFO, WARN or ERROR .*wnode eval --help.*`},
		"no peer processes":   {append(start, "--peer-processes", "0"), 2, `--peer-processes 0: give at least 1 \(see wnode start --help\)`},
		"dead too soon":       {append(start, "--dead-after", "999ms"), 2, `--dead-after 999ms: give at least 1s \(see wnode start --help\)`},
		"both cookies":        {[]string{"eval", "--cookie", "a", "--cookie-file", "b", "1"}, 2, `.*--cookie.*--cookie-file.*`},
		"no module":           {[]string{"run"}, 2, `.*prog\.wasm.*wnode run --help.*`},
		"no JavaScript":       {[]string{"eval"}, 2, `.*JS.*wnode eval --help.*`},
		"two inputs":          {[]string{"eval", "1", "2"}, 2, `.*wnode eval --help.*`},
		"argument of start":   {[]string{"start", "one"}, 2, `.*"one".*wnode start --help.*`},
		"argument of names":   {[]string{"names", "one"}, 2, `.*"one".*wnode names --help.*`},
		"unknown command":     {[]string{"bogus"}, 2, `unknown command "bogus".*wnode --help.*`},
		"unknown cookie verb": {[]string{"cookie", "bogus"}, 2, `unknown command "bogus".*wnode cookie --help.*`},
		"flag of cookie new":  {[]string{"cookie", "new", "--bogus"}, 2, `unknown flag: --bogus.*wnode cookie new --help.*`},
		"unknown node":        {nodeArgs("eval", []string{"--connect", "nobody@127.0.0.1", "1"}), 1, `cannot connect to nobody@127\.0\.0\.1: no node of that name runs on 127\.0\.0\.1`},
		"nothing listens":     {nodeArgs("eval", []string{"--connect", "b@127.0.0.1:9", "1"}), 1, `cannot connect to b@127\.0\.0\.1: nothing answers at 127\.0\.0\.1:9`},
		"not reachable":       {nodeArgs("eval", []string{"--connect", "b@192.0.2.1:9", "1"}), 1, `cannot connect to b@192\.0\.2\.1: 192\.0\.2\.1:9 cannot be reached from the address that this node listens on: choose another one with --listen`},
		"bad name of a node":  {nodeArgs("eval", []string{"--connect", "no body", "1"}), 1, `invalid node name "no body": ` + illegal},
		"bad port of a node":  {nodeArgs("eval", []string{"--connect", "a@b:70000", "1"}), 1, `invalid node name "a@b:70000": the port is not a number from 1 to 65535`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h.in(t).run(c.args...).wantError(t, c.code, c.want)
		})
	}
}

func TestBadWellKnownPort(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	h.port = 70000
	h.run(nodeArgs("eval", []string{"1"})...).wantError(t, 1, `WNODE_PORT=70000: give a UDP port from 1 to 65535`)
}
