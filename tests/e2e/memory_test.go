//go:build linux

package e2e

import (
	"path/filepath"
	"testing"

	"github.com/wnode/wnode/internal/wasmtest"
	"github.com/wnode/wnode/vm/module/wasm"
)

// hoarders are guests that wait, one with a page of memory and one with all that it gets, and one that begins with
// more than there is.
func hoarders(t *testing.T, dir string) {
	t.Helper()
	op := func(b ...byte) wasmtest.Op { return wasmtest.Raw(b...) }
	wait := wasmtest.Do("wnode.sleep", wasmtest.I64(-1))
	grow := func(pages int64) wasmtest.Op { // for as long as it goes
		return wasmtest.Seq(op(byte(wasm.OpLoop), 0x40), wasmtest.I32(pages), op(byte(wasm.OpMemoryGrow), 0),
			wasmtest.I32(-1), op(0x47, byte(wasm.OpBrIf), 0, byte(wasm.OpEnd)))
	}
	large := wasmtest.Entry(grow(16), grow(1), wait)
	large.MaxPages = 4096
	huge := wasmtest.Entry()
	huge.Pages = 1024
	for name, m := range map[string]*wasmtest.Module{"small": wasmtest.Entry(wait), "large": large, "huge": huge} {
		write(t, filepath.Join(dir, name+".wasm"), m.Bytes(), 0o644)
	}
}

// When the memory of a node is used up no more guests begin there, and it says so; when messages come on top of that,
// who has most of it ends, and who has little goes on. That may be as soon as it is used up: a timer counts as a message does.
func TestMemory(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	dir := t.TempDir()
	hoarders(t, dir)
	huge := filepath.Join(dir, "huge.wasm")
	h.run(nodeArgs("run", []string{"--memory", "128MiB", huge})...).want(t, 0, "", "")
	r := h.run(nodeArgs("run", []string{"--memory", "64MiB", huge})...)
	r.want(t, 1, "", `wnode: huge.wasm ended: "node_full": the memory of its node is used up; --memory gives a node more`+"\n")
	r = h.run(nodeArgs("run", []string{"--memory", "0", huge})...)
	if r.code != 2 {
		t.Errorf("%+v", r)
	}

	w := h.window(dir, nodeOne, "--memory", "32MiB", "--log-level", "ERROR")
	w.gives(`memory().most / 1024 / 1024`, `32`)
	w.gives(`small = wasm("small.wasm"); s = [1, 2, 3].map(() => spawn(small)); 1`, `1`)
	w.gives(`while (!s.every(p => Process.info(p).memory > 0)) receive(10); [l, ref] = spawn_monitor(wasm("large.wasm")); 1`, `1`)
	w.gives(`while (memory().total < memory().most * 0.8) receive(10); memory().modules[0].running`, `1`)
	w.types(`for (m = 0;;) { spawn(small); m = receive(10) || m }`, `Uncaught Error: spawn: spawn small.wasm: the memory of the node is used up: of 32.0 MiB, guests have 2\d\.\d MiB and messages 0\.\d MiB \(--memory gives it more\).*`)
	w.gives(`for (i = 0; i < 6; i++) send(self(), new Uint8Array(1 << 20)); while (m[0] !== "DOWN") m = receive(); m[3] === l && m[4]`, `"node_full"`)
	w.gives(`[s.every(p => Process.info(p) !== undefined), memory().total < memory().most * 9 / 8]`, `[true, true]`)
}
