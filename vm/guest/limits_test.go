package guest

import (
	"errors"
	"testing"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
	"github.com/wnode/wnode/vm"
)

func withRights(r vm.Rights) func(*vm.SpawnOptions) {
	return func(o *vm.SpawnOptions) { o.Rights = r }
}

func grow(pages int64) op { return seq(i32c(pages), raw(0x40, 0)) }

// W-06: a guest that may not grow its memory hears so; one that cannot even have its first pages ends.
func TestMemoryRights(t *testing.T) {
	n := newTestNode(t, forGuests(20*pageBytes))
	limit := withRights(vm.Rights{Limits: vm.Limits{Memory: 3*pageBytes + 1}})
	for range 10 { // what one had, the next can have
		p := n.start(entry(n.report(grow(2)), n.report(grow(1)), n.report(grow(0))).Bytes(), limit)
		n.wantReports(1, -1, 3)
		wantReason(t, p.wait(), "normal")
	}
	large := entry()
	large.Pages = 4
	wantReason(t, n.run(large, limit), ReasonMemory)
	wantReason(t, n.run(large), "normal")

	// All guests together have less than what each may.
	holder := n.start(entry(n.report(grow(15)), invoke("wnode.receive", i64c(-1), i32c(0), i32c(9)), drop).Bytes())
	n.wantReports(1)
	n.start(entry(n.report(grow(9))).Bytes()).wait()
	n.wantReports(-1)
	large.Pages = 9
	wantReason(t, n.run(large), vm.ReasonNodeFull)
	n.message(holder.pid, "end")
	holder.wait()
	n.close()
	n.wantAllGivenBack()
}

func TestReductionLimit(t *testing.T) {
	n := newTestNode(t)
	p := n.start(entry(invoke("wnode.receive", i64c(-1), i32c(0), i32c(9)), drop, forever).Bytes(),
		withRights(vm.Rights{Limits: vm.Limits{Reductions: 1_000_000}}))
	ended, watching := make(chan []byte, 1), make(chan struct{})
	n.native(func(watcher *vm.Process) vm.Exit {
		watcher.Monitor(p.pid)
		close(watching)
		if m, err := watcher.Receive(watcher.Context(), vm.Infinity); err == nil {
			ended <- m.Data
		}
		return vm.Normal
	})
	<-watching
	n.message(p.pid, "go")
	p.wait()
	down, err := term.Decode(<-ended)
	if err != nil || down.([]any)[4] != vm.ReasonReductions {
		t.Errorf("%v, %v", down, err)
	}
}

// What a process is denied is an error number, and has no effect.
func TestDenied(t *testing.T) {
	n := newTestNode(t)
	other := n.idle()
	p := n.start(entry(
		invoke("wnode.self", i32c(32)), drop,
		n.report(invoke("wnode.register", region(0, "me"), pidAt(32))),
		n.report(invoke("wnode.unregister", region(0, "me"))),
		n.report(invoke("wnode.global_register", region(0, "me"), pidAt(32))),
		n.report(invoke("wnode.global_unregister", region(0, "me"))),
		n.report(invoke("wnode.node_connect", region(0, "me"))),
		n.report(invoke("wnode.node_disconnect", region(0, "me"))),
		n.report(invoke("wnode.node_ping", region(0, "me"))),
		n.report(invoke("wnode.spawn", region(0, ""), i32c(64))),
		n.report(invoke("wnode.link", pid(other))),
		n.report(invoke("wnode.exit_process", pid(other), region(16, "\x01"))),
		n.report(invoke("wnode.set_group_leader", pid(other), pid(other))),
		n.report(invoke("wnode.send", pid(other), region(16, "\x01"))),
	).Write(0, "me").Write(16, "\x01").Bytes(), withRights(vm.Rights{Denied: vm.AllPermissions}))
	for range 11 {
		n.wantReports(errno(abi.ErrDenied))
	}
	n.wantReports(0)
	wantReason(t, p.wait(), "normal")
	if _, taken := n.names.Whereis("me"); taken || !n.system.Alive(other) {
		t.Error("it had an effect")
	}
}

// A guest sets its own priority, and hears what it was; its limit is the node's, or less.
func TestSetPriority(t *testing.T) {
	n := newTestNode(t)
	set := func(p abi.Priority) op { return n.report(invoke("wnode.set_priority", i32c(int64(p)))) }
	m := entry(set(abi.PriorityLow), set(abi.PriorityHigh), set(abi.PriorityMax), set(0), set(abi.PriorityNormal))
	wantReason(t, n.run(m), "normal")
	n.wantReports(2, 1, errno(abi.ErrDenied), errno(abi.ErrBadArgument), 3)
	wantReason(t, n.run(m, withRights(vm.Rights{Limits: vm.Limits{Priority: abi.PriorityLow}})), "normal")
	n.wantReports(1, errno(abi.ErrDenied), errno(abi.ErrDenied), errno(abi.ErrBadArgument), errno(abi.ErrDenied))
}

// A guest gives what it spawns less than it has, by name; what makes no sense is refused.
func TestSpawnWithRights(t *testing.T) {
	n := newTestNode(t)
	good := term.MustEncode(map[string]any{
		"export": "child", "overflow": "drop", "deny": []any{"names"},
		"limits": map[string]any{"timers": 5, "children": 7, "wall_time": int64(3600e9)}, "priority": "low",
	})
	m := entry(
		n.report(invoke("wnode.spawn", region(1000, string(good)), i32c(0))), n.tell(0, 16),
	).Write(1000, string(good)).Fn("child", invoke("wnode.receive", i64c(-1), i32c(0), i32c(9)), drop)
	n.start(m.Bytes())
	n.wantReports(0)
	child := abi.PidFromBytes(n.next())
	info, ok := n.system.Info(child)
	if l := info.Rights.Limits; !ok || l.Timers != 5 || l.Children != 7 || info.Rights.Denied != vm.PermitNames || info.Priority != abi.PriorityLow {
		t.Errorf("rights %+v, priority %s", info.Rights, info.Priority)
	}
	n.message(child, "end")
	for _, bad := range []any{
		map[string]any{"overflow": "explode"},
		map[string]any{"overflow": 1},
		map[string]any{"priority": "higher"},
		map[string]any{"limits": map[string]any{"priority": 5}},
		map[string]any{"deny": []any{"fly"}},
		map[string]any{"deny": "names"},
		map[string]any{"limits": map[string]any{"wings": 2}},
		map[string]any{"limits": map[string]any{"timers": -1}},
		map[string]any{"limits": 5},
		map[string]any{"limits": map[string]any{"timers": uint64(1) << 63}},
	} {
		options := string(term.MustEncode(bad))
		n.start(entry(n.report(invoke("wnode.spawn", region(1000, options), i32c(0)))).Write(1000, options).Bytes())
		n.wantReports(errno(abi.ErrBadArgument))
	}
}

func growTable(by int64) op { return seq(raw(0xd0, 0x70), i32c(by), raw(0xfc, 0x0f, 0)) }

// A process has no more elements in its tables than it may, from the first one on; what one process may
// not, another one of the same module may.
func TestTableLimit(t *testing.T) {
	n := newTestNode(t)
	m := entry(n.report(growTable(6)), n.report(growTable(3)), n.report(growTable(0)), n.report(growTable(1)))
	m.Table = []string{"", "", ""}
	limit := func(most int) func(*vm.SpawnOptions) { return withRights(vm.Rights{Limits: vm.Limits{Tables: most}}) }
	wantReason(t, n.run(m, limit(10)), "normal")
	n.wantReports(3, -1, 9, 9)
	wantReason(t, n.run(m), "normal")
	n.wantReports(3, 9, 12, 12)
	wantReason(t, n.run(m, limit(2)), ReasonTables)
	n.wantNoMessage()
	atStart := entry().Fn("setup", n.report(growTable(8)))
	atStart.Table, atStart.Start = []string{""}, "setup"
	wantReason(t, n.run(atStart, limit(5)), "normal")
	n.wantReports(-1)
}

// Nor do its calls nest deeper, in the start function either.
func TestStackLimit(t *testing.T) {
	n := newTestNode(t)
	count := seq(i32c(0), i32c(0), i32Load, i32c(1), raw(0x6a), i32Store) // one more at address 0
	deep := entry(invoke("recurse")).Fn("recurse", count, n.report(seq(i32c(0), i32Load)), invoke("recurse"))
	depth := func(m *wasmModule, bytes int) (calls int) {
		exit := n.run(m, withRights(vm.Rights{Limits: vm.Limits{Stack: bytes}}))
		if atom, _ := trapOf(t, exit); atom != trapStackOverflow {
			t.Fatalf("trap %s", atom)
		}
		n.system.Deliver(abi.Signal{Kind: abi.SignalMessage, From: n.pid, To: n.pid, Data: []byte("end")})
		for string(n.next()) != "end" {
			calls++
		}
		return calls
	}
	few, more := depth(deep, 1000), depth(deep, 10_000)
	if few < 5 || few > 10 || more < 8*few || more > 12*few {
		t.Errorf("%d calls within 1000 bytes of stack, %d within 10000", few, more)
	}
	deep.Start = "recurse"
	if got := depth(deep, 1000); got != few {
		t.Errorf("%d calls below the start function, want %d", got, few)
	}
}

// What is left of a stack once the first part is used up is granted to the process, up to its limit, and what the
// runtime keeps for it does not rest with the instance.
func TestDeepStack(t *testing.T) {
	n := newTestNode(t)
	count := seq(i32c(0), i32c(0), i32Load, i32c(1), raw(0x6b), i32Store) // one less at address 0
	deep := func(calls int64) *wasmModule {
		again := seq(i32c(0), i32Load, raw(0x04, 0x40), count, invoke("recurse"), raw(0x0b))
		return entry(i32c(0), i32c(calls), i32Store, invoke("recurse")).Fn("recurse", again)
	}
	for name, tt := range map[string]struct {
		calls  int64
		limit  int
		atom   string
		stacks int // that rest with the instance
	}{
		"shallow":            {100, 0, "", 1},
		"deep":               {10_000, 0, "", 0},
		"too deep":           {100_000, 0, trapStackOverflow, 0},
		"limit below":        {10_000, firstStack / 2, trapStackOverflow, 0},
		"limit at the first": {10_000, firstStack, trapStackOverflow, 0},
		"limit above":        {10_000, 3 * firstStack, trapStackOverflow, 0},
		"within the limit":   {1000, 3 * firstStack, "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			limit := withRights(vm.Rights{Limits: vm.Limits{Stack: tt.limit}})
			module := deep(tt.calls).Bytes()
			for range 3 {
				exit := n.start(module, limit).wait()
				if tt.atom == "" {
					wantReason(t, exit, "normal")
				} else if atom, _ := trapOf(t, exit); atom != tt.atom {
					t.Fatalf("trap %s", atom)
				}
			}
			n.engine.modules.mu.Lock()
			defer n.engine.modules.mu.Unlock()
			stacks := 0
			for _, c := range n.engine.modules.loaded {
				for _, i := range c.pool.free {
					stacks += len(i.functions)
				}
				c.pool.empty(0)
			}
			if stacks != tt.stacks {
				t.Errorf("%d stacks at rest, want %d", stacks, tt.stacks)
			}
		})
	}
}

// What an instance takes beside its linear memory is part of what all guests may have: many without any
// memory, and tables, which count as large as they can become.
func TestMemoryOfInstances(t *testing.T) {
	const total = 8 << 20
	n := newTestNode(t, forGuests(total))
	waits := seq(invoke("wnode.receive", i64c(-1), i32c(0), i32c(9)), drop)
	idle := func(table int, body ...op) *wasmModule {
		m := entry(append(body, n.tell(0, 0), waits)...)
		m.MaxPages, m.Table = 1, make([]string, table)
		return m
	}
	looks := seq(raw(0xfc, 0x10, 0), drop)                           // table.size, so that the table stays one
	grown := seq(raw(0xd0, 0x70), i32c(0), raw(0xfc, 0x0f, 0), drop) // table.grow
	for name, tt := range map[string]struct {
		module *wasmModule
		fit    int
	}{
		"no table":           {idle(0), total / (pageBytes + instanceBytes)},
		"tables":             {idle(1<<17, looks), total / (pageBytes + instanceBytes + 1<<20)},
		"a table that grows": {idle(1, grown), 0},
	} {
		t.Run(name, func(t *testing.T) {
			var running []*program
			for fits := true; fits; {
				p, err := n.tryStart(tt.module.Bytes())
				if full := new(vm.MemoryError); errors.As(err, &full) {
					break
				} else if err != nil {
					t.Fatal(err)
				}
				select {
				case <-n.inbox:
					running = append(running, p)
				case exit := <-p.exit:
					wantReason(t, exit, vm.ReasonNodeFull)
					fits = false
				}
			}
			if len(running) != tt.fit {
				t.Errorf("%d guests fit, want %d", len(running), tt.fit)
			}
			for _, p := range running {
				n.message(p.pid, "end")
				p.wait()
			}
		})
	}
	n.close()
	n.wantAllGivenBack()
}
