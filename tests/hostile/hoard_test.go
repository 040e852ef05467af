package hostile

import (
	"slices"
	"testing"

	"github.com/wnode/wnode"
	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/vm"
)

// Guests that have nothing to do with each other let things wait, each far less than it may. When that is
// more than the node may keep they end, and nobody who keeps little.
func TestHoarders(t *testing.T) {
	const total = 64 * mib
	n := start(t, func(o *wnode.Options) { o.Memory = 3 * total })
	self := do("wnode.self", num(0))
	for name, hoard := range map[string]code{
		"messages": times(24, 1000, do("wnode.send", pidAt(0), num(0), num(page))),
		"timers":   times(24, 1000, do("wnode.send_after", long(3600e9), pidAt(0), num(0), num(page), num(1024))),
		"aliases":  times(1500, 1000, do("wnode.alias", num(1), num(1024))),
	} {
		fn := n.load(guest(self, hoard, n.report(num(1)), do("wnode.sleep", long(-1))))
		small := n.spawn(n.load(guest(self, times(100, 1000, do("wnode.send", pidAt(0), num(0), num(100))), n.report(num(1)), do("wnode.sleep", long(-1)))))
		n.wantReports(1)
		n.witness.during(name, func() {
			n.within(12*total, func() { // what collects garbage lets it double, and guests take memory too
				var attacks []*attack
				for range hoarders {
					attacks = append(attacks, n.spawn(fn, overflow(vm.DropNewest)))
				}
				done := map[abi.Pid]bool{}
				n.eventually("all have hoarded or ended", func() bool {
					for len(n.inbox) > 0 {
						done[n.next().From] = true
					}
					return !slices.ContainsFunc(attacks, func(a *attack) bool { return !done[a.pid] && len(a.down) == 0 })
				})
				kept := n.messageBytes()
				t.Logf("%s: %d of %d hoarders ended, messages of %d MiB wait", name, ended(attacks), hoarders, kept/mib)
				if ended(attacks) == 0 || kept > 2*total+total/8 {
					t.Errorf("%s: %d hoarders ended, messages of %d MiB wait", name, ended(attacks), kept/mib)
				}
				for _, a := range attacks {
					select {
					case reason := <-a.down:
						n.want(reason, vm.ReasonNodeFull)
					default:
						n.as(func(p *wnode.Process) { _ = p.ExitProcess(p.Context(), a.pid, []byte{0x64, 'k', 'i', 'l', 'l'}) })
					}
				}
			})
		})
		if info, ok := n.Info(small.pid); !ok || info.MessageQueue != 100 {
			t.Errorf("%s: who keeps little has %+v", name, info)
		}
		small.kill()
		n.eventually("all have ended", func() bool {
			guests := 0
			for _, pid := range n.Processes() {
				if info, ok := n.Info(pid); ok && info.Function != (abi.Function{}) && pid != n.witness.pid {
					guests++
				}
			}
			for len(n.inbox) > 0 {
				<-n.inbox
			}
			return guests == 0
		})
	}
}

// messageBytes gives what waits in all mailboxes.
func (n *node) messageBytes() (bytes int) {
	for _, pid := range n.Processes() {
		info, _ := n.Info(pid)
		bytes += info.MessageBytes
	}
	return bytes
}
