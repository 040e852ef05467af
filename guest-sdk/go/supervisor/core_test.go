package supervisor

import (
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	wnode "github.com/wnode/wnode/guest-sdk/go"
)

// SUP-01.
func TestStartInOrderStopInReverse(t *testing.T) {
	f := newFake()
	c := booted(t, f, Flags{}, permanents("abc")...)
	c.shutdown()
	wantEvents(t, f, "a life", "start a, start b, start c, stop c, stop b, stop a")
	if len(f.running) > 0 || len(f.reports) > 0 {
		t.Errorf("running %v, reports %v", f.running, f.reports)
	}
}

// SUP-06.
func TestFailureAtBoot(t *testing.T) {
	f := newFake()
	f.broken["b"] = errors.New("no luck")
	c, err := newCore(Flags{}, permanents("abc"), f)
	if err != nil {
		t.Fatal(err)
	}
	want := []any{"shutdown", []any{"failed_to_start_child", "b", []any{"error", "no luck"}}}
	if got := wnode.ReasonOf(c.boot()); !reflect.DeepEqual(got, want) {
		t.Errorf("reason %v, want %v", got, want)
	}
	wantEvents(t, f, "boot", "start a, fail b, stop a")
	wantReport(t, f, "start_error b [error no luck]")
}

// SUP-02.
func TestStrategies(t *testing.T) {
	for strategy, want := range map[Strategy]string{
		OneForOne:  "start b",
		OneForAll:  "stop d, stop c, stop a, start a, start b, start c, start d",
		RestForOne: "stop d, stop c, start b, start c, start d",
	} {
		t.Run(string(strategy), func(t *testing.T) {
			f := newFake()
			c := booted(t, f, Flags{Strategy: strategy}, permanents("abcd")...)
			f.since()
			if f.crash(c, "b", "boom") {
				t.Error("the supervisor ends")
			}
			wantEvents(t, f, "b crashes", want)
			wantReport(t, f, "child_terminated b boom")
		})
	}
}

// SUP-03.
func TestRestartTypes(t *testing.T) {
	orderly := []any{"normal", "shutdown", []any{"shutdown", 1}}
	crashes := []any{"boom", "killed", "noconnection", []any{"shutdown"}, []any{"unreachable", []any{}}}
	for restart, restarted := range map[Restart][2]bool{ // after an orderly end, after a crash
		Permanent: {true, true}, Transient: {false, true}, Temporary: {false, false},
	} {
		for i, reasons := range [][]any{orderly, crashes} {
			for _, reason := range reasons {
				f := newFake()
				c := booted(t, f, Flags{}, startable("a", restart))
				f.crash(c, "a", reason)
				if got := len(f.running) == 1; got != restarted[i] {
					t.Errorf("%s, %v: restarted %v", restart, reason, got)
				}
				if kept := c.find("a") != nil; kept != (restart != Temporary) {
					t.Errorf("%s, %v: spec kept %v", restart, reason, kept)
				}
			}
		}
	}
}

// SUP-03: a temporary child goes when a sibling takes it along.
func TestTemporarySibling(t *testing.T) {
	f := newFake()
	c := booted(t, f, Flags{Strategy: OneForAll}, startable("a", Permanent), startable("b", Temporary), startable("c", Transient))
	f.since()
	f.crash(c, "a", "boom")
	wantEvents(t, f, "a crashes", "stop c, stop b, start a, start c")
	if c.find("b") != nil {
		t.Error("the temporary child is still there")
	}
}

// SUP-04.
func TestIntensity(t *testing.T) {
	for name, test := range map[string]struct {
		flags Flags
		at    []time.Duration // of crashes
		ends  int             // at which of them the supervisor ends; -1: at none
	}{
		"default":         {Flags{}, []time.Duration{0, 5 * time.Second}, 1},
		"after a while":   {Flags{}, []time.Duration{0, 5*time.Second + 1, 11 * time.Second}, -1},
		"no restarts":     {Flags{Intensity: -1}, []time.Duration{0}, 0},
		"two in a second": {Flags{Intensity: 2, Period: time.Second}, []time.Duration{0, 600e6, 1200e6, 1500e6}, 3},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake()
			c := booted(t, f, test.flags, permanents("ab")...)
			for i, at := range test.at {
				f.clock = at
				if ends := f.crash(c, "a", "boom"); ends != (i == test.ends) {
					t.Fatalf("crash %d: ends %v", i, ends)
				}
			}
			if test.ends >= 0 {
				wantReport(t, f, "shutdown a reached_max_restart_intensity")
			}
		})
	}
}

// SUP-04: a restart that fails is tried again, and counts each time.
func TestRestartFails(t *testing.T) {
	for strategy, want := range map[Strategy][3]string{
		OneForOne:  {"fail b", "fail b", "start b"},
		OneForAll:  {"stop c, stop a, start a, fail b", "stop a, start a, fail b", "stop a, start a, start b, start c"},
		RestForOne: {"stop c, fail b", "fail b", "start b, start c"},
	} {
		t.Run(string(strategy), func(t *testing.T) {
			f := newFake()
			c := booted(t, f, Flags{Strategy: strategy, Intensity: 3}, permanents("abc")...)
			f.since()
			f.broken["b"] = errors.New("no luck")
			f.crash(c, "b", "boom")
			wantEvents(t, f, "b crashes", want[0])
			again := func() (ends bool) {
				key := f.retries[0]
				f.retries = f.retries[1:]
				return c.retry(key)
			}
			if again() {
				t.Error("ends too early")
			}
			wantEvents(t, f, "b again", want[1])
			delete(f.broken, "b")
			again()
			wantEvents(t, f, "b at last", want[2])
			if ends := f.crash(c, "b", "boom"); !ends {
				t.Error("the supervisor goes on after the fourth restart")
			}
		})
	}
}

// A retry for a child that somebody else has seen to does nothing.
func TestRetryTooLate(t *testing.T) {
	f := newFake()
	c := booted(t, f, Flags{Intensity: 9}, permanents("ab")...)
	f.broken["a"] = errors.New("no luck")
	f.crash(c, "a", "boom")
	if _, err := c.restartChild("a"); !errors.Is(err, ErrRestarting) {
		t.Errorf("restart: %v", err)
	}
	if err := c.deleteChild("a"); !errors.Is(err, ErrRestarting) {
		t.Errorf("delete: %v", err)
	}
	if err := c.terminateChild("a"); err != nil {
		t.Error(err)
	}
	f.since()
	if c.retry(f.retries[0]) || c.retry(99) || c.exited(wnode.Pid{Node: 1, Num: 99}, "boom") {
		t.Error("ends")
	}
	wantEvents(t, f, "nothing", "")
}

// SUP-05: what a child that is stopped may end with.
func TestShutdownReports(t *testing.T) {
	for _, test := range []struct {
		spec     Child
		reason   any
		reported bool
	}{
		{Child{}, "shutdown", false},
		{Child{}, []any{"shutdown", 1}, false},
		{Child{}, "normal", true},
		{Child{Restart: Transient}, "normal", false},
		{Child{}, "killed", true},
		{Child{}, "boom", true},
		{Child{Shutdown: BrutalKill}, "killed", false},
		{Child{Shutdown: BrutalKill}, "shutdown", true},
	} {
		f := newFake()
		test.spec.ID, test.spec.Start.Func = "a", "f"
		f.ends["a"] = test.reason
		booted(t, f, Flags{}, test.spec).shutdown()
		if got := len(f.reports) == 1; got != test.reported {
			t.Errorf("%v ends with %v: reports %v", test.spec, test.reason, f.reports)
		}
	}
}

// SUP-07.
func TestAutoShutdown(t *testing.T) {
	significant := func(id string, restart Restart) Child {
		c := startable(id, restart)
		c.Significant = true
		return c
	}
	children := []Child{significant("a", Transient), significant("b", Temporary), startable("c", Transient)}
	for mode, ends := range map[AutoShutdown][3]bool{ // at the ends of c, a and b
		AnySignificant: {false, true, true},
		AllSignificant: {false, false, true},
	} {
		f := newFake()
		c := booted(t, f, Flags{AutoShutdown: mode, Intensity: 2}, children...)
		if f.crash(c, "a", "boom") {
			t.Errorf("%s: ends although the child is restarted", mode)
		}
		for i, id := range []string{"c", "a", "b"} {
			if got := f.crash(c, id, "normal"); got != ends[i] {
				t.Errorf("%s: ends %v at the end of %s", mode, got, id)
			}
		}
	}
}

// SUP-02, SUP-06.
func TestDynamic(t *testing.T) {
	f := newFake()
	c := booted(t, f, Flags{Strategy: Dynamic, Intensity: 5}, startable("x", Transient))
	one, err := c.startDynamic([]any{1})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := c.startDynamic(nil); err != nil {
			t.Fatal(err)
		}
	}
	if n := c.count(); n != (Counts{Specs: 1, Active: 3, Workers: 3}) {
		t.Errorf("count %v", n)
	}
	delete(f.running, one)
	c.exited(one, "boom")
	if list := c.which(); len(list) != 3 || list[2].Pid.Num != 4 || list[2].ID != "" {
		t.Errorf("children %v", list)
	}
	if err := c.terminateDynamic(wnode.Pid{Node: 1, Num: 4}); err != nil {
		t.Error(err)
	}
	if err := c.terminateDynamic(one); !errors.Is(err, ErrNotFound) {
		t.Errorf("terminate of one that is gone: %v", err)
	}
	f.broken["x"] = wnode.ErrIgnored
	if pid, err := c.startDynamic(nil); err != nil || !pid.IsZero() || c.count().Workers != 2 {
		t.Errorf("declined: %v, %v, %v", pid, err, c.count())
	}
	c.shutdown()
	if c.count() != (Counts{Specs: 1}) || len(f.running) > 0 {
		t.Errorf("left: %v", c.which())
	}
}

// A child that declines is kept without a process; a temporary one is not kept.
func TestIgnored(t *testing.T) {
	f := newFake()
	f.broken["a"], f.broken["b"] = wnode.ErrIgnored, fmt.Errorf("wrapped: %w", wnode.ErrIgnored)
	c := booted(t, f, Flags{}, startable("a", Permanent), startable("b", Temporary), startable("c", Permanent))
	if len(c.which()) != 2 || c.find("b") != nil || c.count().Active != 1 {
		t.Errorf("children %v", c.which())
	}
}
