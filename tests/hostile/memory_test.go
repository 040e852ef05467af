package hostile

import (
	"runtime"
	"runtime/debug"
	"testing"

	"github.com/wnode/wnode"
	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
	"github.com/wnode/wnode/vm"
	"github.com/wnode/wnode/vm/module/wasm"
)

const mib = 1 << 20

// page is the size of a page of linear memory.
const page = 1 << 16

// guestMemory bounds what the guests of a node have together.
func guestMemory(bytes uint64) func(*wnode.Options) {
	return func(o *wnode.Options) { o.Memory = bytes }
}

// resident gives the most memory that the program has had from the system so far, in bytes.
func resident(t *testing.T) uint64 {
	t.Helper()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.Sys - m.HeapReleased
}

// within checks that something takes no more memory than it may, of what it does not give back at once.
func (n *node) within(most uint64, something func()) {
	n.t.Helper()
	runtime.GC()
	debug.FreeOSMemory()
	before := resident(n.t)
	something()
	after := resident(n.t)
	n.t.Logf("memory %d MiB before, %d MiB after", before/mib, after/mib)
	if after > before+most {
		n.t.Errorf("it took %d MiB, more than %d", (after-before)/mib, most/mib)
	}
}

func grow(pages int64) code { return seq(num(pages), raw(byte(wasm.OpMemoryGrow), 0)) }

// bomb grows its memory as far as it goes, in steps, and then waits.
func (n *node) bomb(step int64) *program {
	again := seq(grow(step), num(-1), raw(0x47, byte(wasm.OpBrIf), 0)) // i32.ne
	return guest(raw(byte(wasm.OpLoop), emptyBlock), again, raw(byte(wasm.OpEnd)), n.report(raw(byte(wasm.OpMemorySize), 0)), wait)
}

// A guest's memory ends where its limit is, and that of all guests where the node's is. Who has none left
// hears so; who cannot even begin ends.
func TestMemoryBomb(t *testing.T) {
	const total = 64 * mib
	n := start(t, guestMemory(total))
	n.witness.during("one", func() {
		n.within(3*total, func() {
			a := n.spawn(n.load(n.bomb(1)), limits(vm.Limits{Memory: 8 * mib}))
			n.wantReports(8 * mib / page)
			a.kill()
		})
	})
	n.witness.during("many", func() {
		n.within(3*total, func() {
			fn := n.load(n.bomb(16))
			var attacks []*attack
			for range 100 {
				attacks = append(attacks, n.spawn(fn))
			}
			n.eventually("all have what they get", func() bool { return len(n.inbox)+ended(attacks) == len(attacks) })
			n.want(n.run(large(total/page)), vm.ReasonNodeFull)
			for _, a := range attacks {
				select {
				case reason := <-a.down:
					n.want(reason, vm.ReasonNodeFull)
				default:
					a.kill()
				}
			}
		})
	})
	n.want(n.run(large(total/page/2)), abi.ReasonNormal) // all is there again
}

// ended counts the guests that have come to their end.
func ended(attacks []*attack) (count int) {
	for _, a := range attacks {
		count += len(a.down)
	}
	return count
}

// large is a guest that begins with so many pages and does nothing.
func large(pages int) *program {
	p := guest()
	p.Pages = pages
	return p
}

// Tables end at a bound of their own.
func TestTableBomb(t *testing.T) {
	n := start(t)
	growTable := func(by int64) code { return seq(raw(0xd0, byte(wasm.FuncRef)), num(by), raw(0xfc, 0x0f, 0)) }
	bomb := withTable(guest(n.report(growTable(1<<20-1)), n.report(growTable(1)), n.report(growTable(-1)), wait))
	fn := n.load(bomb)
	n.witness.during("table bomb", func() {
		n.within(20*8*mib, func() {
			var attacks []*attack
			for range 8 {
				attacks = append(attacks, n.spawn(fn))
				n.wantReports(1, -1, -1)
			}
			for _, a := range attacks {
				a.kill()
			}
		})
	})
	huge := withTable(guest()).Parts()
	huge.Tables[0].Limits.Min = 1 << 31
	n.want(n.spawn(n.loadBytes(huge.Encode())).wait(), `compile_error: "a table of 2147483648 elements, at most 1048576"`)
}

// What is too large to send, to give to a child, or to hand to the node, is refused.
func TestHugeThings(t *testing.T) {
	n := start(t)
	const size = 16 * mib
	spawn := term.MustEncode(map[string]any{"args": []any{make([]byte, 1<<20)}})
	p := guest(
		n.report(call("wnode.send", pid(n.reports), num(0), num(size+1))),
		n.report(call("wnode.send_after", long(0), pid(n.reports), num(0), num(size+1), num(0))),
		n.report(call("wnode.spawn", num(100), num(int64(len(spawn))), num(0))),
		n.report(call("wnode.register", num(100), num(1<<20), pid(n.reports))),
		n.report(call("wnode.set_label", num(100), num(256))),
		n.report(call("wnode.log", num(0), num(100), num(1<<20))),
		n.report(call("wnode.module_load", num(0), num(65*mib), num(0))),
		n.report(call("wnode.io_read_line", pid(n.reports), num(0), num(size), num(0), num(9))),
	).At(100, spawn)
	p.Pages = 66 * mib / page
	large, bad := errno(abi.ErrTooLarge), errno(abi.ErrBadArgument)
	n.witness.during("huge things", func() {
		n.within(400*mib, func() {
			n.want(n.run(p), abi.ReasonNormal)
			n.wantReports(large, large, bad, bad, bad, bad, large, bad)
		})
	})
}
