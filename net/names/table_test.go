package names

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func at(d time.Duration) time.Time { return epoch.Add(d) }

// step is one event on a table and the answer that is expected.
type step struct {
	at   time.Duration
	do   string // register, unregister, lookup
	port uint16
	age  time.Duration
	own  bool
	want status
}

func TestTable(t *testing.T) {
	const old = warmUp // at this age the table knows everything
	tests := map[string][]step{
		"a lease ends": {
			{old, "register", 1, 0, false, statusOK},
			{old + lease - 1, "lookup", 1, 0, false, statusOK},
			{old + lease, "lookup", 0, 0, false, statusUnknown},
			{old + lease, "register", 2, 0, false, statusOK},
		},
		"a renewal extends it": {
			{old, "register", 1, 0, false, statusOK},
			{old + 2*time.Second, "register", 1, 0, false, statusOK},
			{old + 4*time.Second, "lookup", 1, 0, false, statusOK},
		},
		"a young table is unsure": {
			{0, "lookup", 0, 0, false, statusUnsure},
			{warmUp - 1, "lookup", 0, 0, false, statusUnsure},
			{warmUp, "lookup", 0, 0, false, statusUnknown},
		},
		"an owner that answers the challenge keeps the name": {
			{old, "register", 1, 0, false, statusOK},
			{old + 10, "register", 2, time.Hour, false, statusPending},
			{old + 20, "register", 1, 0, false, statusOK},
			{old + 30, "register", 2, time.Hour, false, statusInUse},
			{old + 20 + confirmTime - 1, "register", 2, time.Hour, false, statusInUse},
			{old + 20 + confirmTime, "register", 2, time.Hour, false, statusPending},
			{old + 20 + confirmTime, "lookup", 1, 0, false, statusOK},
		},
		"an owner that does not answer loses it": {
			{old, "register", 1, 0, false, statusOK},
			{old + 10, "register", 2, 0, false, statusPending},
			{old + 10 + challengeTime - 1, "register", 2, 0, false, statusPending},
			{old + 10 + challengeTime, "register", 2, 0, false, statusOK},
			{old + 10 + challengeTime, "lookup", 2, 0, false, statusOK},
		},
		"a renewal that was no answer does not settle a claim": {
			{old, "register", 1, 0, false, statusOK},
			{old + 1, "register", 1, 0, false, statusOK},
			{old + 2, "register", 2, 0, false, statusPending},
		},
		"the holder's own name needs no challenge": {
			{0, "register", 1, 0, true, statusOK},
			{10, "register", 2, 0, false, statusInUse},
			{old, "register", 2, time.Hour, false, statusInUse},
		},
		"while the table is young the older claim wins": {
			{0, "register", 1, 0, true, statusOK},
			{10, "register", 2, time.Hour, false, statusOK},
			{20, "register", 1, time.Minute, true, statusPending},
			{30, "register", 2, time.Hour, false, statusOK},
			{40, "register", 1, time.Minute, true, statusInUse},
			{40, "lookup", 2, 0, false, statusOK},
		},
		"unregister frees the name at once": {
			{old, "register", 1, 0, false, statusOK},
			{old + 1, "unregister", 2, 0, false, statusUnknown},
			{old + 2, "unregister", 1, 0, false, statusOK},
			{old + 3, "lookup", 0, 0, false, statusUnknown},
			{old + 4, "register", 2, 0, false, statusOK},
		},
	}
	for name, steps := range tests {
		t.Run(name, func(t *testing.T) {
			table := newTable(epoch)
			for i, s := range steps {
				if got := runStep(t, table, s); got != s.want {
					t.Fatalf("step %d %+v: got status %d", i, s, got)
				}
			}
		})
	}
}

func runStep(t *testing.T, table *table, s step) status {
	t.Helper()
	switch s.do {
	case "register":
		st, owner := table.register(claim{name: "foo", port: s.port, age: s.age, own: s.own}, at(s.at))
		if (owner != nil) != (st == statusPending) {
			t.Fatalf("status %d with owner %v", st, owner)
		}
		return st
	case "unregister":
		return table.unregister("foo", s.port, at(s.at))
	default:
		port, st := table.lookup("foo", at(s.at))
		if port != s.port {
			t.Fatalf("%+v: got port %d", s, port)
		}
		return st
	}
}

func TestTableIsBounded(t *testing.T) {
	table := newTable(epoch)
	for i := range maxNames {
		if st, _ := table.register(claim{name: fmt.Sprint("n", i), port: 1}, epoch); st != statusOK {
			t.Fatalf("name %d: status %d", i, st)
		}
	}
	if st, _ := table.register(claim{name: "more", port: 1}, epoch); st != statusFull {
		t.Fatalf("status %d", st)
	}
	if st, _ := table.register(claim{name: "n7", port: 1}, at(time.Second)); st != statusOK {
		t.Fatalf("renewal in a full table: status %d", st)
	}
	if st, _ := table.register(claim{name: "more", port: 1}, at(lease)); st != statusOK {
		t.Fatalf("after the leases: status %d", st)
	}
	if got := len(table.names); got != 2 {
		t.Fatalf("%d names left", got)
	}
}

// model is the table's contract in its plainest form: who was granted a name last, and when that owner
// was last heard of.
type model struct {
	port  map[string]uint16
	heard map[string]time.Duration
	own   map[string]bool
}

// A name that was granted stays with its owner for as long as the owner renews and answers challenges;
// it goes when it is unregistered, when the lease ends, when a challenge stays unanswered, or to an
// older claim in the table's first moments. Lookups always agree with that.
func TestTableModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		table := newTable(epoch)
		m := model{map[string]uint16{}, map[string]time.Duration{}, map[string]bool{}}
		var now time.Duration
		nameGen := rapid.SampledFrom([]string{"a", "b", "c"})
		live := func(name string) bool { return m.port[name] != 0 && now-m.heard[name] < lease }
		t.Repeat(map[string]func(*rapid.T){
			"wait": func(t *rapid.T) {
				now += time.Duration(rapid.IntRange(0, int(2*time.Second)).Draw(t, "wait"))
			},
			"register": func(t *rapid.T) {
				name, port := nameGen.Draw(t, "name"), rapid.Uint16Range(1, 3).Draw(t, "port")
				age := time.Duration(rapid.IntRange(0, int(time.Minute)).Draw(t, "age"))
				own := port == 1
				st, owner := table.register(claim{name: name, port: port, age: age, own: own}, at(now))
				m.checkRegister(t, now, name, port, own, live(name), st, owner)
			},
			"unregister": func(t *rapid.T) {
				name, port := nameGen.Draw(t, "name"), rapid.Uint16Range(1, 3).Draw(t, "port")
				want := live(name) && m.port[name] == port
				if st := table.unregister(name, port, at(now)); (st == statusOK) != want {
					t.Fatalf("unregister %s:%d: status %d", name, port, st)
				}
				if want {
					delete(m.port, name)
				}
			},
			"expire": func(*rapid.T) { table.expire(at(now)) },
			"": func(t *rapid.T) {
				for _, name := range []string{"a", "b", "c"} {
					port, st := table.lookup(name, at(now))
					if live(name) != (st == statusOK) || live(name) && port != m.port[name] {
						t.Fatalf("lookup %s: port %d, status %d; model has %d", name, port, st, m.port[name])
					}
				}
			},
		})
	})
}

func (m model) checkRegister(t *rapid.T, now time.Duration, name string, port uint16, own, live bool, st status, owner *registration) {
	same := live && m.port[name] == port
	switch {
	case (!live || same) && st != statusOK:
		t.Fatalf("a free or own name is refused: status %d", st)
	case live && !same && st == statusOK && now >= warmUp && m.own[name]:
		t.Fatal("the holder's own name was taken from it")
	case live && !same && st == statusOK && now >= warmUp && now-m.heard[name] < challengeTime:
		t.Fatal("an owner heard of after the challenge lost its name")
	case st == statusPending && (owner == nil || owner.port != m.port[name]):
		t.Fatalf("challenge to %+v", owner)
	}
	if st == statusOK {
		m.port[name], m.heard[name], m.own[name] = port, now, own
	}
}

func TestLimiter(t *testing.T) {
	l := newLimiter()
	a, b := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")
	count := func(from netip.Addr, now time.Time) (n int) {
		for range 1000 {
			if l.allow(from, now) {
				n++
			}
		}
		return n
	}
	if got := count(a, epoch); got != lookupBurst {
		t.Errorf("burst of %d", got)
	}
	if got := count(a, at(time.Second)); got != 32 {
		t.Errorf("%d in the next second", got)
	}
	if got := count(a, at(time.Hour)); got != lookupBurst {
		t.Errorf("%d after an hour", got)
	}
	if source(b) != source(netip.MustParseAddr("2001:db8::ffff")) || source(b) == source(netip.MustParseAddr("2001:db8:0:1::1")) {
		t.Error("a source is not a network of 64 bits")
	}
	if source(netip.MustParseAddr("::ffff:192.0.2.1")) != a {
		t.Error("an IPv4 source has two forms")
	}
}
