package hostile

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/wnode/wnode"
	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
	"github.com/wnode/wnode/vm"
)

func overflow(o vm.Overflow) func(*wnode.SpawnRequest) {
	return func(r *wnode.SpawnRequest) { r.Overflow = o }
}

// errno gives an error number as a guest sees it.
func errno(e abi.Errno) int32 { return int32(e) }

// until does something until it gives the error number, and then reports how often it did not.
func (n *node) until(e abi.Errno, counter int64, something code) code {
	return seq(
		raw(0x02, emptyBlock, 0x03, emptyBlock),      // block loop
		something, num(int64(e)), raw(0x46, 0x0d, 1), // i32.eq br_if 1
		increase(counter, 1), raw(0x0c, 0, 0x0b, 0x0b),
		n.tell(counter, 8),
	)
}

// A fork bomb has as many processes below it as its limit says. They outlive it if they are not linked:
// killing the first of them is not killing all; killing each that is left is, as none can be born.
func TestForkBomb(t *testing.T) {
	n := start(t)
	const most = 500
	// Each child has all it can have, and waits then.
	p := guest(n.until(abi.ErrLimit, 1000, call("wnode.spawn", num(0), num(0), num(64))), wait)
	n.witness.during("fork bomb", func() {
		before := len(n.Processes())
		a := n.spawn(n.load(p), limits(vm.Limits{Children: most}))
		n.eventually("it has all its children", func() bool { return len(n.Processes()) >= before+most+1 })
		n.witness.answers(20)
		if got := len(n.Processes()) - before; got > most+3 { // and who watches it
			t.Errorf("%d processes, at most %d", got, most)
		}
		a.kill()
		n.eventually("none is left", func() bool {
			n.as(func(p *wnode.Process) {
				for _, pid := range n.Processes() {
					if info, ok := n.Info(pid); ok && info.Function != (abi.Function{}) && pid != n.witness.pid {
						_ = p.ExitProcess(p.Context(), pid, term.MustEncode(abi.ReasonKill))
					}
				}
			})
			return len(n.Processes()) <= before
		})
	})
}

// Linked, a whole tree goes when the first of it is killed.
func TestForkBombOfLinked(t *testing.T) {
	n := start(t)
	options := string(term.MustEncode(map[string]any{"link": true}))
	p := guest(n.until(abi.ErrLimit, 1000, call("wnode.spawn", text(2000, options), num(64))), wait).At(2000, []byte(options))
	before := len(n.Processes())
	a := n.spawn(n.load(p), limits(vm.Limits{Children: 200}))
	n.eventually("it has all its children", func() bool { return len(n.Processes()) >= before+200 })
	a.kill()
	n.eventually("none is left", func() bool { return len(n.Processes()) <= before })
}

// A mailbox that is flooded ends its process, loses what is too much, or holds up who floods it.
func TestMailboxFlood(t *testing.T) {
	n := start(t)
	small := vm.Limits{MailboxMessages: 10_000, MailboxBytes: 1 << 20}
	self := do("wnode.self", num(0))
	itself := n.load(guest(self, loop(do("wnode.send", pidAt(0), num(0), num(1000)))))
	n.witness.during("of itself", func() {
		n.want(n.spawn(itself, limits(small)).wait(), vm.ReasonMailboxFull)
		for _, o := range []vm.Overflow{vm.DropNewest, vm.BlockSenders} {
			a := n.spawn(itself, limits(small), overflow(o))
			if o == vm.BlockSenders { // it cannot wait for itself
				n.want(a.wait(), vm.ReasonMailboxFull)
				continue
			}
			n.witness.answers(20)
			if info, ok := n.Info(a.pid); !ok || info.MessageBytes > small.MailboxBytes {
				t.Errorf("it has %+v", info)
			}
			a.kill()
		}
	})
	for _, o := range []vm.Overflow{vm.KillReceiver, vm.DropNewest, vm.BlockSenders} {
		name := fmt.Sprint("of a neighbor, overflow ", o)
		n.witness.during(name, func() {
			victim := n.spawn(n.load(guest(do("wnode.sleep", long(-1)))), limits(small), overflow(o))
			flood := n.load(guest(loop(do("wnode.send", pid(victim.pid), num(0), num(1000)))))
			attacks := []*attack{n.spawn(flood), n.spawn(flood), n.spawn(flood)}
			if o == vm.KillReceiver {
				n.want(victim.wait(), vm.ReasonMailboxFull)
			} else {
				n.witness.answers(20)
				if info, ok := n.Info(victim.pid); !ok || info.MessageBytes > small.MailboxBytes {
					t.Errorf("%s: it has %+v", name, info)
				}
				victim.kill()
			}
			for _, a := range attacks {
				a.kill()
			}
		})
	}
}

// What the machine puts into a mailbox, DOWN and EXIT, cannot fill a node either.
func TestSystemMessageFlood(t *testing.T) {
	n := start(t)
	reason := term.MustEncode(string(make([]byte, 60_000)))
	nobody := pid(abi.Pid{Node: n.ID(), Num: 1 << 60})
	trapping := do("wnode.trap_exits", num(1))
	self := do("wnode.self", num(64))
	small := limits(vm.Limits{MailboxMessages: 100, MailboxBytes: 1 << 20})
	const timersExpire = "messages of timers that expire"
	for name, body := range map[string]code{
		"DOWN of invented processes":   loop(do("wnode.monitor", nobody, num(0))),
		"EXIT of invented processes":   seq(trapping, loop(do("wnode.link", nobody))),
		"EXIT with large reasons":      seq(self, trapping, loop(do("wnode.exit_process", pidAt(64), num(1000), num(int64(len(reason)))))),
		"DOWN of processes on no node": loop(do("wnode.monitor", pid(abi.Pid{Node: 7, Num: 7}), num(0))),
		timersExpire:                   seq(self, loop(do("wnode.send_after", long(0), pidAt(64), num(1000), num(10_000), num(0)))),
	} {
		t.Run(name, func(t *testing.T) {
			n := n.in(t)
			p := guest(body).At(1000, reason)
			p.Pages = 2
			o := vm.DropNewest // which is for the messages of processes
			if name == timersExpire {
				o = vm.KillReceiver
			}
			n.witness.during(name, func() {
				n.want(n.run(p, small, overflow(o)), vm.ReasonMailboxFull)
			})
		})
	}
}

// Whatever a process can have many of has a limit, which it is told about.
func TestFloodsOfHandles(t *testing.T) {
	n := start(t)
	target := pid(n.reports)
	for name, tt := range map[string]struct {
		something code
		most      uint64
	}{
		"timers":  {call("wnode.send_after", long(3600e9), target, num(0), num(8), num(64)), 1000},
		"aliases": {call("wnode.alias", num(1), num(64)), 1 << 16},
	} {
		n.witness.during(name, func() {
			a := n.spawn(n.load(guest(n.until(abi.ErrLimit, 1000, tt.something), wait)), limits(vm.Limits{Timers: 1000}))
			if got := leUint64(n.next().Data); got > tt.most {
				t.Errorf("%s: %d, more than %d", name, got, tt.most)
			}
			a.kill()
		})
	}
	// One monitor too many fires at once.
	n.witness.during("monitors", func() {
		a := n.spawn(n.load(guest(
			times(1<<16+10, 1000, do("wnode.monitor", target, num(64))),
			times(10, 1000, n.report(call("wnode.receive", long(-1), num(2000), num(200))), n.tell(2000, 200)),
			wait,
		)))
		for range 10 {
			n.next()
			if got := n.next(); !containsText(got.Data, "system_limit") {
				t.Errorf("message %q", got.Data)
			}
		}
		a.kill()
	})
	// A process has one global name, and one name of its node.
	n.witness.during("names", func() {
		n.want(n.run(guest(
			do("wnode.self", num(64)),
			n.report(call("wnode.global_register", text(200, "a"), pidAt(64))),
			n.report(call("wnode.global_register", text(201, "b"), pidAt(64))),
			n.report(call("wnode.register", text(200, "a"), pidAt(64))),
			n.report(call("wnode.register", text(201, "b"), pidAt(64))),
		).At(200, []byte("ab"))), abi.ReasonNormal)
		n.wantReports(0, errno(abi.ErrNameTaken), 0, errno(abi.ErrNameTaken))
		n.eventually("the names are free", func() bool { return len(n.GlobalNames())+len(n.Registered()) == 0 })
	})
}

// A guest that floods the log is cut short, and one line says by how much; many together are too.
func TestLogFlood(t *testing.T) {
	n := start(t)
	p := n.load(guest(times(20_000, 1000, do("wnode.log", num(0), text(0, "flood"))), wait).At(0, []byte("flood")))
	n.witness.during("log", func() {
		a := n.spawn(p)
		n.eventually("it has logged all", func() bool { // and waits for messages, not for its code
			info, _ := n.Info(a.pid)
			return info.Status == "waiting" && info.Memory > 0
		})
		a.kill()
		n.eventually("its end", func() bool { return n.log.Lines("dropped: it writes too many") > 0 })
		var attacks []*attack
		for range 10 * runtime.GOMAXPROCS(0) {
			attacks = append(attacks, n.spawn(p))
		}
		n.witness.answers(20)
		for _, a := range attacks {
			a.kill()
		}
	})
	lines, said := n.log.Lines("msg=flood"), n.log.Lines("dropped")
	t.Logf("%d lines of 20,000 and more, %d about those that were dropped", lines, said)
	if lines > 5000 || said == 0 || said > lines {
		t.Errorf("%d lines, %d lines on dropped ones", lines, said)
	}
}

// A guest whose children crash as fast as it can spawn them is told of so often, and then counted.
func TestCrashFlood(t *testing.T) {
	n := start(t)
	options := string(term.MustEncode(map[string]any{"export": "crash"}))
	p := guest(loop(do("wnode.spawn", text(2000, options), num(64)))).
		At(2000, []byte(options)).Fn("crash", raw(0x00)) // unreachable
	n.witness.during("crashes", func() {
		a := n.spawn(n.load(p), limits(vm.Limits{Children: 200}))
		n.eventually("lines are dropped", func() bool { return n.log.Lines("guests crash too often") > 1 })
		a.kill()
	})
	lines, said := n.log.Lines("crashed in"), n.log.Lines("guests crash too often")
	t.Logf("%d lines, %d about those that were dropped", lines, said)
	if lines < 50 || lines > 500 {
		t.Errorf("%d lines", lines)
	}
}
