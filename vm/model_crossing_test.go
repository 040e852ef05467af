package vm_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
	"github.com/wnode/wnode/vm"
)

// tangleKinds lists what may happen while signals are on their way.
var tangleKinds = []string{
	"spawn tied", "exit", "send exit", "trap", "trap",
	"link", "link", "link", "link", "link", "unlink", "unlink", "unlink", "relink", "relink", "relink",
	"monitor", "monitor", "monitor name", "demonitor", "demonitor", "register",
	"send", "send", "send", "send", "timer", "timer", "cancel", "drain", "drain", "arrive", "arrive", "settle",
	"cut", "join", "join",
}

// tanglePopulation is how many processes are kept alive; few, so that they meet.
const tanglePopulation = 12

// tangle has things happen while the signals of others are still on their way, and of processes that
// are still ending. What such things come to depends on the order; what must hold in any order is
// checked whenever all have come to their end. Puppets write down what they see in the world's lock.
type tangle struct {
	*world
	pids      []abi.Pid
	spawned   int       // by the test
	anchors   []abi.Pid // one a node, which stay alive, and link and unlink so often that these meet in every way
	refs      []abi.Ref
	monitors  map[abi.Ref]*tangleMonitor
	timers    []abi.Ref
	sent      map[[2]abi.Pid]int // from, to: the number of the last message
	received  map[[2]abi.Pid]int
	down      map[[2]abi.Pid]bool // watcher, target: the target has gone, as far as the watcher knows
	exits     map[[2]abi.Pid]int  // receiver, sender: EXIT messages from a link or exit/2
	wasCut    bool                // messages may be lost
	complaint string              // the first thing that a puppet saw and that must not be
}

type tangleMonitor struct {
	owner   abi.Pid
	self    bool // on oneself: it never fires
	gone    bool // taken back
	flushed bool // and nothing of it may come any more
	downs   int
}

// SIG-01, SIG-02, LINK-09 to LINK-12, MON-01, MON-09 to MON-11, PROC-07, TMR-02: whatever crosses on the wires, the two sides agree in the end, and what stood is answered once.
func TestModelCrossing(t *testing.T) {
	most := 1500
	if raceDetector {
		most = 300
	}
	inBubble(t, modelOps(tangleKinds, most), func(w *world, ops []modelOp) {
		x := &tangle{
			world: w, monitors: map[abi.Ref]*tangleMonitor{}, sent: map[[2]abi.Pid]int{}, received: map[[2]abi.Pid]int{},
			down: map[[2]abi.Pid]bool{}, exits: map[[2]abi.Pid]int{},
		}
		x.populate()
		x.anchors = x.pids[:worldNodes:worldNodes]
		for _, pid := range x.anchors {
			x.start(pid, func(p *vm.Process) *vm.Exit { p.TrapExits(true); return nil })
		}
		for _, op := range ops {
			x.populate()
			x.run(op)
			if op.B%4 > 0 { // else what comes next happens at the same time
				synctest.Wait()
			}
			if op.C%2 == 0 {
				x.arrive()
			}
		}
		x.agree()
		x.end(w.rnd)
	})
}

func (x *tangle) populate() {
	for len(x.living()) < tanglePopulation {
		pid := x.spawn(abi.NodeID(1 + x.spawned%worldNodes))
		x.spawned++
		x.note(func() { x.pids = append(x.pids, pid) })
	}
}

// living lists the processes that have not been told to end.
func (x *tangle) living() (living []abi.Pid) {
	for _, sys := range x.sys[1:] {
		for _, pid := range sys.Processes() {
			if sys.Alive(pid) && x.puppet(pid) != nil {
				living = append(living, pid)
			}
		}
	}
	return living
}

// try has a process do something, unless it is busy or ends. Nobody waits until it is done.
func (x *tangle) try(pid abi.Pid, f func(p *vm.Process)) {
	select {
	case x.puppet(pid).steps <- func(p *vm.Process) *vm.Exit { f(p); return nil }:
	default:
	}
}

func (x *tangle) run(op modelOp) {
	living := x.living()
	a := living[op.A%len(living)]
	b := living[op.B%len(living)]
	if op.A%8 == 0 {
		b, _ = late(x, &x.pids, op.B%tanglePopulation)
	}
	reason := modelReasons[op.C%len(modelReasons)]
	node := abi.NodeID(1 + op.C%worldNodes)
	if op.C%8 > 0 && (op.Kind == "link" || op.Kind == "unlink" || op.Kind == "relink") {
		a, b = x.anchors[op.A%worldNodes], x.anchors[(op.A+1+op.B%2)%worldNodes]
	} else if slices.Contains(x.anchors, a) && slices.Contains([]string{"exit", "trap", "spawn tied"}, op.Kind) ||
		slices.Contains(x.anchors, b) && op.Kind == "send exit" {
		return
	}
	switch op.Kind {
	case "exit":
		select {
		case x.puppet(a).steps <- func(*vm.Process) *vm.Exit { return &vm.Exit{Reason: reason} }:
		default:
		}
	case "send exit":
		x.try(a, func(p *vm.Process) { _ = p.ExitProcess(p.Context(), b, term.MustEncode(reason)) })
	case "trap":
		x.try(a, func(p *vm.Process) { p.TrapExits(op.B%4 > 0) })
	case "link":
		x.try(a, func(p *vm.Process) { _ = p.Link(p.Context(), b) })
	case "unlink":
		x.try(a, func(p *vm.Process) { p.Unlink(b) })
	case "relink":
		x.try(a, func(p *vm.Process) { p.Unlink(b); _ = p.Link(p.Context(), b) })
	case "spawn tied":
		x.try(a, func(p *vm.Process) { x.spawnTied(p, node) })
	case "register":
		x.register(modelName(op.C), b)
	case "timer":
		x.try(a, func(p *vm.Process) {
			to := abi.Pid{Node: p.Pid().Node, Num: b.Num} // of this node, or of nobody
			if ref, err := p.SendAfter(time.Hour, vm.TimerTarget{Pid: to}, nil); err == nil {
				x.note(func() { x.timers = append(x.timers, ref) })
			}
		})
	case "cancel":
		if ref, ok := late(x, &x.timers, op.C%8); ok {
			x.sys[ref.Node].CancelTimer(ref)
		}
	case "drain":
		x.try(a, x.drain)
	case "arrive":
		for range op.C % 32 {
			x.arrive()
		}
	case "settle":
		if op.C%4 == 0 {
			x.agree()
		}
	case "cut", "join":
		x.cutOrJoin(op, a.Node, node)
	default:
		x.runMonitors(op, a, b, node)
	}
}

// cutOrJoin has some runs without a cut, in which nothing may be lost.
func (x *tangle) cutOrJoin(op modelOp, a, b abi.NodeID) {
	if a == b || op.Kind == "cut" && !x.wasCut && op.C%8 > 0 {
		return
	}
	if op.Kind == "cut" {
		x.note(func() { x.wasCut = true })
	}
	x.setCut(a, b, op.Kind == "cut")
}

func (x *tangle) runMonitors(op modelOp, a, b abi.Pid, node abi.NodeID) {
	switch op.Kind {
	case "monitor":
		x.try(a, func(p *vm.Process) { x.monitored(p.Pid(), p.Monitor(b), a == b) })
	case "monitor name":
		x.try(a, func(p *vm.Process) {
			x.monitored(p.Pid(), p.MonitorName(modelName(op.C), node, nodeName(node)), false)
		})
	case "demonitor":
		if ref, ok := late(x, &x.refs, op.C%8); ok {
			var owner abi.Pid
			x.note(func() { owner = x.monitors[ref].owner })
			x.try(owner, func(p *vm.Process) { x.demonitor(p, ref, op.C%2 == 0) })
		}
	case "send":
		x.try(a, func(p *vm.Process) {
			var number int
			x.note(func() { x.sent[[2]abi.Pid{a, b}]++; number = x.sent[[2]abi.Pid{a, b}] })
			_ = p.Send(p.Context(), b, term.MustEncode(number))
		})
	}
}

// late gives one of the last things that were written down.
func late[T any](x *tangle, things *[]T, back int) (thing T, ok bool) {
	x.note(func() {
		if list := *things; len(list) > 0 {
			thing, ok = list[max(0, len(list)-1-back)], true
		}
	})
	return thing, ok
}

func (x *tangle) note(f func()) {
	x.mu.Lock()
	defer x.mu.Unlock()
	f()
}

func (x *tangle) complain(what string) {
	if x.complaint == "" {
		x.complaint = what
	}
}

func (x *tangle) monitored(owner abi.Pid, ref abi.Ref, self bool) {
	x.note(func() {
		x.refs = append(x.refs, ref)
		x.monitors[ref] = &tangleMonitor{owner: owner, self: self}
	})
}

func (x *tangle) demonitor(p *vm.Process, ref abi.Ref, flush bool) {
	active := p.Demonitor(ref, flush)
	x.note(func() {
		mon := x.monitors[ref]
		if active && mon.downs > 0 {
			x.complain("a monitor stands after its DOWN")
		}
		mon.gone = mon.gone || active
		mon.flushed = mon.flushed || flush
		if !active && flush && !mon.gone && mon.downs == 0 {
			mon.downs = 1 // it was in the mailbox, and was removed
		}
	})
}

// spawnTied has a process spawn one that it is linked with and monitors.
func (x *tangle) spawnTied(p *vm.Process, node abi.NodeID) {
	pid, ref, err := p.SpawnMonitor(p.Context(), node, vm.SpawnRequest{Link: true})
	if err == nil {
		x.monitored(p.Pid(), ref, false)
		x.note(func() { x.pids = append(x.pids, pid) })
	}
}

// drain has a process take its messages and look at each.
func (x *tangle) drain(p *vm.Process) {
	for {
		m, err := p.Receive(p.Context(), 0)
		if err != nil {
			return
		}
		x.note(func() { x.look(p.Pid(), m) })
	}
}

func (x *tangle) look(me abi.Pid, m vm.Message) {
	pair := [2]abi.Pid{m.From, me}
	switch m.Kind {
	case abi.MessageDown:
		mon := x.monitors[m.Ref]
		if mon == nil { // of a spawn that has not returned, or never will
			return
		}
		mon.downs++
		if mon.downs > 1 || mon.flushed || mon.owner != me {
			x.complain("a DOWN too many")
		}
		x.down[pair] = m.From.Num != abi.NodeProcess
	case abi.MessageExit:
		x.exits[[2]abi.Pid{me, m.From}]++
	default:
		number, _ := term.Decode(m.Data)
		n := int(number.(int64))
		switch {
		case n <= x.received[pair]:
			x.complain("a message that is out of order or came twice")
		case !x.wasCut && n != x.received[pair]+1:
			x.complain("a message is missing")
		case !x.wasCut && x.down[pair]:
			x.complain("a message after the DOWN of its sender")
		}
		x.received[pair] = n
	}
}

// drainAll has all living processes look at what they got.
func (x *tangle) drainAll() {
	for _, pid := range x.living() {
		x.try(pid, x.drain)
	}
	x.settle()
	if x.complaint != "" {
		x.t.Fatalf("%s", x.complaint)
	}
}

// end has the processes that do not trap exits end, at once and perhaps with a connection lost, and
// those that do look at what they hear of it. Then it ends those too, and looks for what is left.
func (x *tangle) end(rnd *rand.Rand) {
	var watching, ending []abi.Pid
	links := map[abi.Pid][]abi.Pid{}
	for i, pid := range x.living() {
		x.try(pid, func(p *vm.Process) { p.TrapExits(i%2 == 0) })
		if i%2 == 0 {
			watching = append(watching, pid)
		} else {
			ending = append(ending, pid)
		}
	}
	x.agree()
	for _, pid := range watching {
		info, _ := x.sys[pid.Node].Info(pid)
		links[pid] = info.Links
	}
	clear(x.exits)
	for _, pid := range ending {
		x.start(pid, func(*vm.Process) *vm.Exit { return &vm.Exit{Reason: "boom"} })
		for range rnd.IntN(6) {
			x.arrive()
		}
	}
	lost := rnd.IntN(2) == 0
	if lost {
		x.note(func() { x.wasCut = true })
		x.setCut(1, 2, true)
	}
	x.agree()
	for _, pid := range watching {
		for _, peer := range x.pids {
			want := 0
			apart := lost && nodePair(pid.Node, peer.Node) == nodePair(1, 2)
			if slices.Contains(links[pid], peer) && (apart || slices.Contains(ending, peer)) {
				want = 1
			}
			if got := x.exits[[2]abi.Pid{pid, peer}]; got != want {
				x.t.Fatalf("%v had %d exits of %v, and is to have %d", pid, got, peer, want)
			}
		}
		x.start(pid, func(*vm.Process) *vm.Exit { return &vm.Exit{} })
	}
	x.settle()
	for node := 1; node <= worldNodes; node++ {
		if h := x.sys[node].Holdings(); h != (vm.Holdings{}) || len(x.names[node].pids) > 0 {
			x.t.Fatalf("node %d still holds %+v, names %v", node, h, x.names[node].pids)
		}
	}
}
