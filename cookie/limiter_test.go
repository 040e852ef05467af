package cookie

import (
	"fmt"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

func limiter(t testing.TB, o LimiterOptions) *Limiter {
	t.Helper()
	l, err := NewLimiter(o)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

var attacker = netip.MustParseAddr("192.0.2.1")

// fail makes one attempt that fails, and reports how long it would have had to wait.
func fail(l *Limiter, addr netip.Addr) time.Duration {
	wait := l.Begin(addr)
	if wait == 0 {
		l.End(addr, false)
	}
	return wait
}

func TestLimiterBacksOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := limiter(t, LimiterOptions{Free: 2, Base: time.Second, Cap: 5 * time.Second})
		for _, want := range []time.Duration{0, 0, 0, time.Second, 2 * time.Second, 4 * time.Second, 5 * time.Second, 5 * time.Second} {
			if got := l.Begin(attacker); got != want {
				t.Fatalf("must wait %v, want %v", got, want)
			} else if want > 0 {
				time.Sleep(want - time.Nanosecond)
				if got := l.Begin(attacker); got != 1 {
					t.Fatalf("just before the end must wait %v, want 1 ns", got)
				}
				time.Sleep(time.Nanosecond)
				if got := l.Begin(attacker); got != 0 {
					t.Fatalf("after the wait must wait %v", got)
				}
			}
			l.End(attacker, false)
		}
		if got := l.Begin(netip.MustParseAddr("192.0.2.2")); got != 0 {
			t.Errorf("another address must wait %v", got)
		}
	})
}

func TestLimiterForgets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := limiter(t, LimiterOptions{Free: -1, Base: time.Second, Cap: time.Minute, Forget: time.Hour})
		for range 3 {
			time.Sleep(fail(l, attacker))
			fail(l, attacker)
		}
		time.Sleep(time.Hour)
		if got := fail(l, attacker); got != 0 {
			t.Fatalf("after an hour must wait %v", got)
		}
		if got := l.Begin(attacker); got != time.Second {
			t.Errorf("the next wait is %v, want the first one, 1 s", got)
		}
	})
}

func TestLimiterSuccessClears(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := limiter(t, LimiterOptions{Free: 1, Base: time.Second})
		fail(l, attacker)
		if got := l.Begin(attacker); got != 0 {
			t.Fatalf("must wait %v", got)
		}
		l.End(attacker, true)
		if got := fail(l, attacker) + fail(l, attacker); got != 0 {
			t.Errorf("after a success must wait %v", got)
		}
		if len(l.entries) != 1 {
			t.Errorf("%d entries", len(l.entries))
		}
	})
}

func TestLimiterBoundsParallelAttempts(t *testing.T) {
	l := limiter(t, LimiterOptions{Free: -1, Parallel: 3, Now: func() time.Time { return time.Unix(0, 0) }})
	for i, want := range []bool{true, true, true, false} {
		if got := l.Begin(attacker) == 0; got != want {
			t.Fatalf("attempt %d: permitted %v", i, got)
		}
	}
	now := time.Unix(0, 0)
	l = limiter(t, LimiterOptions{Free: -1, Parallel: 3, Now: func() time.Time { return now }})
	fail(l, attacker)
	now = now.Add(time.Minute)
	if l.Begin(attacker) != 0 || l.Begin(attacker) == 0 {
		t.Error("after a failure, attempts do not run one at a time")
	}
}

func TestLimiterNetworks(t *testing.T) {
	for name, tt := range map[string]struct {
		a, b string
		same bool
	}{
		"IPv4":                {"192.0.2.1", "192.0.2.2", false},
		"IPv4 in IPv6":        {"192.0.2.1", "::ffff:192.0.2.1", true},
		"same IPv6 network":   {"2001:db8::1", "2001:db8::ffff:1", true},
		"other IPv6 network":  {"2001:db8::1", "2001:db8:0:1::1", false},
		"zone plays no part":  {"fe80::1%eth0", "fe80::1%eth1", true},
		"IPv6 is not in IPv4": {"::", "0.0.0.0", false},
	} {
		t.Run(name, func(t *testing.T) {
			a, b := netip.MustParseAddr(tt.a), netip.MustParseAddr(tt.b)
			if same := limiterKey(a) == limiterKey(b); same != tt.same {
				t.Errorf("%s and %s count as one: %v", a, b, same)
			}
		})
	}
	l := limiter(t, LimiterOptions{Free: -1})
	if fail(l, netip.Addr{}) != 0 || fail(l, netip.Addr{}) == 0 {
		t.Error("the zero address does not count as one address")
	}
}

func TestLimiterIsBounded(t *testing.T) {
	now := time.Unix(0, 0)
	l := limiter(t, LimiterOptions{Free: -1, Entries: 3, Base: time.Hour, Cap: time.Hour, Forget: time.Hour, Now: func() time.Time { return now }})
	addr := func(i int) netip.Addr { return netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}) }
	for i := range 5 {
		if wait := fail(l, addr(i)); wait != 0 {
			t.Fatalf("address %d must wait %v", i, wait)
		}
	}
	if len(l.entries) != 3 || l.recent.Len() != 3 {
		t.Fatalf("%d and %d entries, want 3", len(l.entries), l.recent.Len())
	}
	// The first two were quiet longest and are forgotten.
	for i, forgotten := range []bool{true, true, false, false, false} {
		if got := l.entries[limiterKey(addr(i))] == nil; got != forgotten {
			t.Errorf("address %d forgotten: %v", i, got)
		}
	}
	for i := 10; i < 13; i++ {
		if l.Begin(addr(i)) != 0 {
			t.Fatalf("address %d must wait", i)
		}
	}
	if l.Begin(addr(13)) == 0 {
		t.Error("an attempt that still runs was forgotten")
	}
}

func TestLimiterOptions(t *testing.T) {
	for name, tt := range map[string]struct {
		options LimiterOptions
		ok      bool
	}{
		"zero":             {LimiterOptions{}, true},
		"none free":        {LimiterOptions{Free: -1}, true},
		"negative base":    {LimiterOptions{Base: -1}, false},
		"cap below base":   {LimiterOptions{Base: time.Minute, Cap: time.Second}, false},
		"forget below cap": {LimiterOptions{Forget: time.Second}, false},
		"parallel":         {LimiterOptions{Parallel: -1}, false},
		"entries":          {LimiterOptions{Entries: -1}, false},
	} {
		if _, err := NewLimiter(tt.options); (err == nil) != tt.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestLimiterEndWithoutBegin(t *testing.T) {
	l := limiter(t, LimiterOptions{})
	l.End(attacker, false)
	if len(l.entries) != 0 {
		t.Error("an attempt that never began was counted")
	}
}

// Whatever happens, memory is bounded, waits are within the cap, and an address
// that waits as told is let in.
func TestLimiterProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := time.Unix(0, 0)
		o := LimiterOptions{Free: 2, Base: time.Second, Cap: 7 * time.Second, Forget: time.Minute, Entries: 4, Parallel: 2, Now: func() time.Time { return now }}
		l, err := NewLimiter(o)
		if err != nil {
			t.Fatal(err)
		}
		running := map[netip.Addr]int{}
		t.Repeat(map[string]func(*rapid.T){
			"attempt": func(t *rapid.T) {
				addr := netip.AddrFrom4([4]byte{10, 0, 0, byte(rapid.IntRange(0, 6).Draw(t, "addr"))})
				wait := l.Begin(addr)
				if wait < 0 || wait > o.Cap {
					t.Fatalf("must wait %v", wait)
				}
				if wait > 0 && running[addr] == 0 && len(running) == 0 {
					now = now.Add(wait)
					if wait = l.Begin(addr); wait != 0 {
						t.Fatalf("after the wait must wait %v", wait)
					}
				}
				if wait == 0 {
					running[addr]++
				}
			},
			"end": func(t *rapid.T) {
				for addr := range running {
					l.End(addr, rapid.Bool().Draw(t, "success"))
					if running[addr]--; running[addr] == 0 {
						delete(running, addr)
					}
					return
				}
			},
			"pass": func(t *rapid.T) {
				now = now.Add(time.Duration(rapid.IntRange(0, 100).Draw(t, "seconds")) * time.Second)
			},
			"": func(t *rapid.T) {
				if len(l.entries) > o.Entries || len(l.entries) != l.recent.Len() {
					t.Fatalf("%d and %d entries", len(l.entries), l.recent.Len())
				}
				for addr, n := range running {
					element := l.entries[limiterKey(addr)]
					if element == nil || element.Value.(*limiterEntry).running != n || n > o.Parallel {
						t.Fatalf("%s runs %d attempts, not as recorded", addr, n)
					}
				}
			},
		})
	})
}

func BenchmarkLimiter(b *testing.B) {
	for _, entries := range []int{16, 4096} {
		b.Run(fmt.Sprintf("entries=%d", entries), func(b *testing.B) {
			l := limiter(b, LimiterOptions{Entries: entries})
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				fail(l, netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}))
			}
		})
	}
}
