package hostile

import (
	"runtime"
	"testing"

	"github.com/wnode/wnode"
	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/vm"
	"github.com/wnode/wnode/vm/module/wasm"
)

func limits(l vm.Limits) func(*wnode.SpawnRequest) {
	return func(r *wnode.SpawnRequest) { r.Rights.Limits = l }
}

// Loops without end, more of them than there are processors, leave room for others and can be killed.
func TestEndlessLoops(t *testing.T) {
	n := start(t)
	for name, body := range map[string]code{
		"plain":             forever,
		"of host calls":     loop(do("wnode.self", num(0))),
		"of wasi calls":     loop(do("wasi.random_get", num(0), num(1))),
		"of memory.fill":    loop(num(0), num(0), num(65536), raw(0xfc, 0x0b, 0)),
		"of process_info":   seq(do("wnode.self", num(0)), loop(do("wnode.process_info", pidAt(0), num(64), num(4096)))),
		"of polls":          loop(do("wnode.receive", long(0), num(0), num(64))),
		"of empty sleeps":   loop(do("wnode.sleep", long(0))),
		"of large messages": seq(num(63), raw(byte(wasm.OpMemoryGrow), 0), drop, loop(do("wnode.send", pid(abi.Pid{Node: n.ID(), Num: 1 << 60}), num(0), num(4<<20)))),
		"of bad modules":    loop(do("wnode.module_load", num(0), num(65536), num(0))),
	} {
		t.Run(name, func(t *testing.T) {
			n := n.in(t)
			n.witness.during(name, func() {
				fn := n.load(guest(n.tell(0, 0), body))
				var attacks []*attack
				for range 3 * runtime.GOMAXPROCS(0) {
					attacks = append(attacks, n.spawn(fn))
				}
				for range attacks {
					n.next() // each has got to run
				}
				n.witness.answers(20)
				for _, a := range attacks {
					a.kill()
				}
			})
		})
	}
}

// Recursion without end is a stack overflow, whichever way it goes.
func TestEndlessRecursion(t *testing.T) {
	n := start(t)
	mutual := guest(call("ping")).Fn("ping", call("pong")).Fn("pong", call("ping"))
	indirect := raw(byte(wasm.OpI32Const), 0, byte(wasm.OpCallIndirect), 0, 0)
	for name, p := range map[string]*program{
		"direct":         guest(call(abi.DefaultExport)),
		"mutual":         mutual,
		"by table":       withTable(guest(indirect)),
		"in a loop":      guest(loop(call(abi.DefaultExport))),
		"by start":       started(guest(call(abi.DefaultExport))),
		"of many locals": withLocals(guest(call(abi.DefaultExport)), 40_000),
	} {
		t.Run(name, func(t *testing.T) {
			n := n.in(t)
			n.witness.during(name, func() {
				var attacks []*attack
				fn := n.load(p)
				for range 10 {
					attacks = append(attacks, n.spawn(fn))
				}
				for _, a := range attacks {
					n.want(a.wait(), "stack_overflow")
				}
			})
		})
	}
}

func started(p *program) *program {
	p.Start = abi.DefaultExport
	return p
}

// withTable gives a program a table of one place, with the entry in it.
func withTable(p *program) *program {
	p.Table = []string{abi.DefaultExport}
	return p
}

// withLocals gives every function of a program so many locals.
func withLocals(p *program, count uint32) *program {
	for i := range p.Funcs {
		p.Funcs[i].Locals = []wasm.LocalGroup{{Count: count, Type: wasm.I64}}
	}
	return p
}

// A guest that never comes to its entry, and one that waits for what never comes, can be killed.
func TestNeverThere(t *testing.T) {
	n := start(t)
	silent := n.native(func(p *wnode.Process) { <-p.Context().Done() }) // a group leader that answers nothing
	for name, p := range map[string]*program{
		"start function":         started(guest(n.tell(0, 0), forever)),
		"start function, asleep": started(guest(n.tell(0, 0), do("wnode.sleep", long(-1)))),
		"sleep":                  guest(n.tell(0, 0), do("wnode.sleep", long(-1))),
		"receive":                guest(n.tell(0, 0), wait),
		"reading":                guest(n.tell(0, 0), do("wnode.io_read", pid(silent), num(0), num(9))),
		"writing":                guest(n.tell(0, 0), do("wnode.io_write", pid(silent), num(0), num(9))),
		"standard output":        guest(n.tell(0, 0), do("wasi.fd_write", num(1), num(0), num(1), num(100))).At(0, []byte{64, 0, 0, 0, 1, 0, 0, 0}),
	} {
		t.Run(name, func(t *testing.T) {
			n := n.in(t)
			a := n.spawn(n.load(p), func(r *wnode.SpawnRequest) { r.Leader = silent })
			n.next()
			n.witness.during(name, func() { n.witness.answers(5); a.kill() })
		})
	}
}

// Who has a budget and goes beyond it ends with the reason that says so, whatever it is busy with.
func TestBudgets(t *testing.T) {
	n := start(t)
	busy := map[string]code{
		"loop":       forever,
		"host calls": loop(do("wnode.self", num(0))),
		"wasi calls": loop(do("wasi.random_get", num(0), num(64))),
		"modules":    seq(num(31), raw(byte(wasm.OpMemoryGrow), 0), drop, loop(do("wnode.module_load", num(0), num(1<<20), num(0)))),
	}
	for name, body := range busy {
		t.Run(name, func(t *testing.T) {
			n := n.in(t)
			p := guest(body).At(0, []byte("\x00asm\x01\x00\x00\x00"))
			n.witness.during(name, func() {
				n.want(n.run(p, limits(vm.Limits{Reductions: 2_000_000})), vm.ReasonReductions)
				n.want(n.run(p, limits(vm.Limits{WallTime: 200e6})), vm.ReasonWallTime)
			})
		})
	}
	asleep := guest(do("wnode.sleep", long(-1)))
	n.want(n.run(asleep, limits(vm.Limits{WallTime: 50e6})), vm.ReasonWallTime)
	n.want(n.run(guest(), limits(vm.Limits{Memory: 100})), "memory_limit")
}
