package guest

import (
	"encoding/binary"
	"errors"
	"testing"

	"pgregory.net/rapid"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/vm"
)

// What messages to a hoarder ask for: they have so many bytes.
const (
	askEnd = iota
	askGrow
	askTrap
)

// hoarder reports when it runs, and grows by a page, traps or ends when it is told to.
func hoarder(n *testNode) *wasmModule {
	const length, buffer = 512, 1024
	asked := func(what int64, do op) op {
		return seq(i32c(length), i32Load, i32c(what), raw(0x46, 0x04, 0x40), do, raw(0x0b)) // if equal
	}
	return entry(n.report(i32c(-7)),
		raw(0x03, 0x40), // loop
		i32c(length), invoke("wnode.receive", i64c(-1), i32c(buffer), i32c(16)), i32Store,
		asked(askTrap, unreachable),
		asked(askGrow, seq(n.report(grow(1)), raw(0x0c, 1))),
		raw(0x0b))
}

// hoard is a node on which guests take memory, and what they should have.
type hoard struct {
	*testNode
	module []byte
	limit  uint64 // of what guests take
	live   []*program
	pages  map[*program]uint64
}

func newHoard(t *testing.T, pages uint64) *hoard {
	n := newTestNode(t, forGuests(pages*(pageBytes+instanceBytes)))
	h := &hoard{testNode: n, module: hoarder(n).Bytes(), pages: map[*program]uint64{}}
	h.limit = n.engine.memory.Most() - n.engine.memory.Most()/8
	return h
}

// instances is what the guests that run should have.
func (h *hoard) instances() (bytes uint64) {
	for _, p := range h.live {
		bytes += h.pages[p]*pageBytes + instanceBytes
	}
	return bytes
}

// fits tells whether there is room for so much more when all gives way that can.
func (h *hoard) fits(more uint64) bool {
	code := uint64(0)
	for _, m := range h.engine.Memory() {
		code += m.Code
	}
	return h.instances()+code+more <= h.limit
}

// spawn starts a guest, and tells how it went: "ran", "refused" by spawn, or "ended".
func (h *hoard) spawn() string {
	h.t.Helper()
	p, err := h.tryStart(h.module)
	if full := new(vm.MemoryError); errors.As(err, &full) && errors.Is(err, abi.ErrLimit) {
		return "refused"
	} else if err != nil {
		h.t.Fatal(err)
	}
	select {
	case <-h.inbox:
		h.live, h.pages[p] = append(h.live, p), 1
		return "ran"
	case exit := <-p.exit:
		wantReason(h.t, exit, vm.ReasonNodeFull)
		return "ended"
	}
}

// ask has a guest do something.
func (h *hoard) ask(p *program, what int) { h.message(p.pid, string(make([]byte, what))) }

func (h *hoard) grows(p *program) bool {
	h.ask(p, askGrow)
	if int32(binary.LittleEndian.Uint32(h.next())) < 0 {
		return false
	}
	h.pages[p]++
	return true
}

// gone takes out a guest that is about to end, and waits for that.
func (h *hoard) gone(i int) vm.Exit {
	p := h.live[i]
	h.live = append(h.live[:i], h.live[i+1:]...)
	return p.wait()
}

// W-06: what guests take is counted to the byte, whatever becomes of them, and what there is decides who gets more.
func TestMemoryIsCounted(t *testing.T) {
	h := newHoard(t, 8)
	rapid.Check(t, func(t *rapid.T) {
		some := func(t *rapid.T) int {
			if len(h.live) == 0 {
				t.Skip("nobody runs")
			}
			return rapid.IntRange(0, len(h.live)-1).Draw(t, "guest")
		}
		t.Repeat(map[string]func(*rapid.T){
			"spawn": func(t *rapid.T) {
				fits := h.fits(pageBytes + instanceBytes)
				if how := h.spawn(); fits != (how == "ran") {
					t.Fatalf("%s, though it fits: %v", how, fits)
				}
			},
			"grow": func(t *rapid.T) {
				p, fits := h.live[some(t)], h.fits(pageBytes)
				if h.grows(p) != fits {
					t.Fatalf("it grows or not, though it fits: %v", fits)
				}
			},
			"end": func(t *rapid.T) {
				i := some(t)
				h.ask(h.live[i], askEnd)
				wantReason(h.t, h.gone(i), abi.ReasonNormal)
			},
			"crash": func(t *rapid.T) {
				i := some(t)
				h.ask(h.live[i], askTrap)
				if exit := h.gone(i); !exit.Crash {
					t.Fatal("it did not crash")
				}
			},
			"kill": func(t *rapid.T) {
				i := some(t)
				h.kill(h.live[i].pid)
				h.gone(i)
			},
			"shrink": func(*rapid.T) { h.engine.modules.shrink() },
			"": func(t *rapid.T) {
				var instances, total uint64
				for _, m := range h.engine.Memory() {
					instances, total = instances+m.Instances, total+m.Total()
				}
				if want := h.instances(); instances != want || total != h.engine.memory.Guests() {
					t.Fatalf("%d bytes of instances, want %d; modules take %d in all, guests %d", instances, want, total, h.engine.memory.Guests())
				}
			},
		})
		for len(h.live) > 0 {
			h.kill(h.live[0].pid)
			h.gone(0)
		}
	})
	h.close()
	h.wantAllGivenBack()
}

// When messages bring a node over its memory, the guest that has most of it ends, and those that have little go on.
func TestMemoryIsMadeOfTheLargest(t *testing.T) {
	h := newHoard(t, 80)
	for range 3 {
		h.spawn()
	}
	large := h.live[0]
	for h.grows(large) {
	}
	if h.grows(h.live[1]) {
		t.Fatal("there was room left")
	}
	keep := h.native(func(p *vm.Process) vm.Exit { <-p.Context().Done(); return vm.Normal })
	for range h.engine.memory.Most() / 6 >> 12 { // more than is kept free for it, and less than may wait
		h.message(keep, string(make([]byte, 4<<10)))
	}
	h.gone(0)
	if info, ok := h.system.Info(large.pid); ok && info.Status != "exiting" {
		t.Errorf("the largest one is there: %+v", info)
	}
	if !h.grows(h.live[0]) || !h.grows(h.live[1]) {
		t.Error("there is no room yet")
	}
}
