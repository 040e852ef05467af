//go:build linux

package e2e

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wnode/wnode/internal/wasmtest"
)

// A program that nobody adapted runs here or on another node, and cannot tell.
func TestRun(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	two := h.headless(nodeTwo)
	for name, flags := range map[string][]string{"here": nil, "there": {"--on", nodeTwo}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := h.in(t)
			run := func(stdin []byte, args ...string) result {
				return h.pipe(stdin, nodeArgs("run", append(flags[:len(flags):len(flags)], args...))...)
			}
			upcase := guest(t, "upcase")
			run(nil, guest(t, "hello")).want(t, 0, "Hello from WebAssembly!\n", "")
			run([]byte("hello\nworld"), upcase).want(t, 0, "HELLO\nWORLD", "")
			for _, code := range []string{"0", "1", "3", "255"} {
				if r := run([]byte("x\n"), upcase, code); r.stdout != "X\n" || r.stderr != "" || codeOf(code) != r.code {
					t.Errorf("exit code %s: %+v", code, r)
				}
			}
			binary := withoutLetters(256 << 10)
			if r := run(binary, upcase); r.code != 0 || r.stderr != "" || !bytes.Equal([]byte(r.stdout), binary) {
				t.Errorf("binary data changed: exit code %d, %d of %d bytes, %s", r.code, len(r.stdout), len(binary), r.stderr)
			}
		})
	}
	t.Cleanup(func() {
		if out := two.Out.String(); out != "" {
			t.Errorf("the other node wrote %q itself", out)
		}
	})
}

func codeOf(text string) int { return map[string]int{"0": 0, "1": 1, "3": 3, "255": 255}[text] }

// withoutLetters gives bytes that upcase does not change: all values but small letters, in lines of all
// lengths, and one line that is very long.
func withoutLetters(n int) []byte {
	var b []byte
	for line := 0; len(b) < n/2; line++ {
		for i := range line {
			b = append(b, notLower(byte(i*7+line)))
		}
		b = append(b, '\n')
	}
	for len(b) < n {
		b = append(b, 0xff, 0, 0xc3, '\r')
	}
	return b
}

func notLower(c byte) byte {
	if 'a' <= c && c <= 'z' {
		return 0x80 | c
	}
	return c
}

func TestRunCrash(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	h.headless(nodeTwo)
	path := filepath.Join(h.home, "trap.wasm")
	write(t, path, wasmtest.Entry(wasmtest.Unreachable).Bytes(), 0o644)
	for name, flags := range map[string][]string{"here": nil, "there": {"--on", nodeTwo}} {
		r := h.run(nodeArgs("run", append(flags, path))...)
		if r.code != 1 || r.stdout != "" || !strings.HasPrefix(r.stderr, "wnode: trap.wasm crashed: unreachable\n") {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

// W-04: a crash of a guest with debug information says where in the source it was, wherever the guest ran.
func TestRunCrashWithLines(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	h.headless(nodeTwo)
	path, err := filepath.Abs("../../vm/module/symbolize/testdata/crash_c4.wasm")
	if err != nil {
		t.Fatal(err)
	}
	for name, flags := range map[string][]string{"here": nil, "there": {"--on", nodeTwo}} {
		r := h.run(nodeArgs("run", append(flags, path))...)
		const file = "vm/module/symbolize/testdata/crash_c.c"
		const want = ": integer_divide_by_zero\n    at divide (" + file + ":8)\n    at sum (" + file + ":14)\n    at start (" + file + ":18)\n"
		if r.code != 1 || !strings.HasSuffix(r.stderr, want) {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

// The interrupt key ends the program and its process on the other node.
func TestRunInterrupted(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	h.headless(nodeTwo)
	w := h.open("", nodeArgs("run", []string{"--on", nodeTwo, guest(t, "upcase")})...)
	w.exitCode = 130
	w.enter("here")
	w.expect("^HERE$")
	if err := w.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	<-w.exited
}

func TestEval(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	for name, c := range map[string]struct {
		source string
		stdin  string
		want   result
	}{
		"value":        {source: `[1, "two", {three: 3}]`, want: result{stdout: "[1, \"two\", {three: 3}]\n"}},
		"last value":   {source: "let x = 20\nx + 1", want: result{stdout: "21\n"}},
		"nothing":      {source: ``, want: result{stdout: "undefined\n"}},
		"output":       {source: `IO.puts("hello"); 1`, want: result{stdout: "hello\n1\n"}},
		"input":        {source: `IO.gets("") + IO.gets("")`, stdin: "a\nb\n", want: result{stdout: "\"a\\nb\\n\"\n"}},
		"end of input": {source: `IO.gets("")`, want: result{stdout: "null\n"}},
		"exit":         {source: `exit(3); 1`, want: result{code: 3}},
		"exit 0":       {source: `exit(); 1`, want: result{}},
		"exception":    {source: `throw new Error("no")`, want: result{code: 1, stderr: "Uncaught Error: no (input 1, line 1, column 7)\n"}},
		"syntax":       {source: `1 +`, want: result{code: 1, stderr: "Uncaught SyntaxError: Unexpected end of input (input 1, line 1, column 4)\n  1 +\n     ^\n"}},
		"help":         {source: `help(self)`, want: result{stdout: "self()\n\n  The pid of this shell.\n"}},
		"spawn": {
			source: `p = spawn(wasm("` + guest(t, "hello") + `")); while (Process.info(p)) receive(1); "ended"`,
			want:   result{stdout: "Hello from WebAssembly!\n\"ended\"\n"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := h.in(t)
			h.pipe([]byte(c.stdin), nodeArgs("eval", []string{c.source})...).want(t, c.want.code, c.want.stdout, c.want.stderr)
		})
	}
}

// A result that nobody gets is a failure.
func TestFullOutput(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	for _, args := range [][]string{
		nodeArgs("eval", []string{"1"}), nodeArgs("eval", []string{`IO.puts("x"); exit()`}), nodeArgs("run", []string{guest(t, "hello")}),
		{"version"},
		{"version", "--json"},
		{"names", "--json"},
		{"inspect", guest(t, "whoami")},
		{"module", "rewrite", "-o", "-", guest(t, "whoami")},
		{"cookie", "path"},
		{"cookie", "new", "--file", filepath.Join(h.home, "cookie")},
		{"demo"},
	} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			t.Parallel()
			full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer full.Close()
			r := h.in(t).pipeTo(nil, full, args...)
			const want = "wnode: cannot write to standard output: no space left on device\n"
			if r.code != 1 || !strings.HasSuffix(r.stderr, want) {
				t.Errorf("%+v, want exit code 1 and %q", r, want)
			}
		})
	}
}

// A size may have a unit.
func TestMaxModule(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	for _, size := range []string{"65536", "64KiB", "64kB", "1MB", "1GiB"} {
		h.run(nodeArgs("run", []string{"--max-module", size, guest(t, "hello")})...).want(t, 0, "Hello from WebAssembly!\n", "")
	}
	h.run(nodeArgs("run", []string{"--max-module", "1KiB", guest(t, "upcase")})...).wantError(t, 1, `upcase\.wasm: module too large: .* at most 1024; .*`)
}

func TestDemo(t *testing.T) {
	t.Parallel()
	r := newHost(t).run("demo")
	if r.code != 0 || r.stderr != "" {
		t.Errorf("%+v", r)
	}
	for _, want := range []string{"node_one@127.0.0.1 runs", "node_two@127.0.0.1 runs", "disallowed node node_three@127.0.0.1", "It gets false", "connected in", "    output | node_two@127.0.0.1\n"} {
		if !strings.Contains(r.stdout, want) {
			t.Errorf("no %q in\n%s", want, r.stdout)
		}
	}
}
