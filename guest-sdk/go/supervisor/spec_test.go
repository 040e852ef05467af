package supervisor

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
	wnode "github.com/wnode/wnode/guest-sdk/go"
)

func TestDefaults(t *testing.T) {
	f, err := Flags{}.complete()
	if want := (Flags{OneForOne, 1, 5 * time.Second, Never}); err != nil || f != want {
		t.Errorf("flags %v, %v", f, err)
	}
	worker, err := startable("a", "").complete(f)
	if err != nil || worker.Restart != Permanent || worker.Type != Worker || worker.Shutdown != 5*time.Second {
		t.Errorf("worker %v, %v", worker, err)
	}
	sup := startable("a", "")
	sup.Type = Supervisor
	if sup, err = sup.complete(f); err != nil || sup.Shutdown != wnode.Infinity {
		t.Errorf("supervisor %v, %v", sup, err)
	}
}

func TestBadSpecs(t *testing.T) {
	with := func(change func(*Child)) []Child {
		c := startable("a", Transient)
		change(&c)
		return []Child{c}
	}
	for name, test := range map[string]struct {
		flags    Flags
		children []Child
	}{
		"strategy":              {Flags{Strategy: "x"}, nil},
		"auto shutdown":         {Flags{AutoShutdown: "x"}, nil},
		"period":                {Flags{Period: -1}, nil},
		"dynamic and auto":      {Flags{Strategy: Dynamic, AutoShutdown: AnySignificant}, permanents("a")},
		"dynamic without":       {Flags{Strategy: Dynamic}, nil},
		"dynamic with two":      {Flags{Strategy: Dynamic}, permanents("ab")},
		"twice":                 {Flags{}, permanents("aa")},
		"no id":                 {Flags{}, with(func(c *Child) { c.ID = "" })},
		"no start":              {Flags{}, with(func(c *Child) { c.Start.Func = "" })},
		"a name without a Func": {Flags{}, with(func(c *Child) { c.Start = Start{Function: abi.Function{Name: "x"}, Name: wnode.Address{Name: "y"}} })},
		"restart":               {Flags{}, with(func(c *Child) { c.Restart = "x" })},
		"type":                  {Flags{}, with(func(c *Child) { c.Type = "x" })},
		"shutdown":              {Flags{}, with(func(c *Child) { c.Shutdown = -2 })},
		"significant for never": {Flags{}, with(func(c *Child) { c.Significant = true })},
		"significant permanent": {Flags{AutoShutdown: AllSignificant}, with(func(c *Child) { c.Significant, c.Restart = true, Permanent })},
	} {
		_, err := newCore(test.flags, test.children, newFake())
		var bad *wnode.ExitError
		if !errors.As(err, &bad) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func drawChild(t *rapid.T) Child {
	text := func(what string) string { return rapid.SampledFrom([]string{"", "a", "grün"}).Draw(t, what) }
	c := Child{
		ID:          rapid.StringN(1, 9, 20).Draw(t, "id"),
		Restart:     rapid.SampledFrom([]Restart{"", Permanent, Transient, Temporary}).Draw(t, "restart"),
		Shutdown:    rapid.SampledFrom([]time.Duration{0, 1e6, BrutalKill, wnode.Infinity, time.Hour}).Draw(t, "shutdown"),
		Type:        rapid.SampledFrom([]Type{"", Worker, Supervisor}).Draw(t, "type"),
		Significant: rapid.Bool().Draw(t, "significant"),
		Start: Start{
			Func: text("func"), Node: text("node"),
			Name:     wnode.Address{Name: text("name")},
			Limits:   wnode.Limits{WallTime: rapid.SampledFrom([]time.Duration{0, time.Hour}).Draw(t, "wall time")},
			Folders:  rapid.SampledFrom([][]string{nil, {}, {"/data:ro", "/x"}}).Draw(t, "folders"),
			Overflow: rapid.SampledFrom([]wnode.Overflow{"", wnode.OverflowDrop}).Draw(t, "overflow"),
			Priority: rapid.SampledFrom([]wnode.Priority{0, wnode.PriorityLow, wnode.PriorityMax}).Draw(t, "priority"),
		},
	}
	if rapid.Bool().Draw(t, "deny") {
		c.Start.Deny = []wnode.Permission{wnode.PermitSpawn, wnode.PermitNames}
	}
	if rapid.Bool().Draw(t, "function") {
		c.Start.Function = abi.Function{Module: abi.Hash{7}, Export: "x", Name: "y"}
	}
	if c.Start.Name.Name != "" {
		c.Start.Name.Global = rapid.Bool().Draw(t, "global")
	}
	for _, n := range rapid.SliceOfN(rapid.Int64(), 0, 3).Draw(t, "args") {
		c.Start.Args = append(c.Start.Args, n)
	}
	return c
}

func TestChildTermRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := drawChild(t)
		decoded, err := term.Decode(term.MustEncode(want.Term()))
		if err != nil {
			t.Fatal(err)
		}
		got, err := ParseChild(decoded)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("got %#v, %v, want %#v", got, err, want)
		}
	})
}

func TestBadChildTerms(t *testing.T) {
	for name, start := range map[string]any{
		"no map":           []any{},
		"limits":           map[any]any{"limits": []any{}},
		"an unknown one":   map[any]any{"limits": map[any]any{"x": int64(1)}},
		"deny":             map[any]any{"deny": "spawn"},
		"deny a number":    map[any]any{"deny": []any{int64(1)}},
		"folders":          map[any]any{"folders": "/data"},
		"folders, numbers": map[any]any{"folders": []any{int64(1)}},
		"overflow":         map[any]any{"overflow": int64(1)},
		"priority":         map[any]any{"priority": "highest"},
		"priority number":  map[any]any{"priority": int64(1)},
		"an unknown key":   map[any]any{"x": int64(1)},
		"a key, no text":   map[any]any{int64(1): int64(1)},
		"args, no list":    map[any]any{"args": "x"},
		"name of no form":  map[any]any{"name": int64(1)},
	} {
		_, err := ParseChild(map[any]any{"id": "a", "start": start})
		var bad *wnode.ExitError
		if !errors.As(err, &bad) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What anybody may send to a supervisor.
func FuzzRequests(f *testing.F) {
	for _, request := range []any{
		whichChildren, countChildren, 17,
		[]any{startChild, startable("b", Temporary).Term()},
		[]any{startChild, []any{1}},
		[]any{startChild, map[string]any{"id": "b", "start": map[string]any{"func": 1}, "shutdown": -1}},
		[]any{terminateChild, "a"},
		[]any{terminateChild, wnode.Pid{Node: 1, Num: 1}},
		[]any{restartChild, "a"},
		[]any{deleteChild, []any{}},
	} {
		f.Add(term.MustEncode(request), false)
		f.Add(term.MustEncode(request), true)
	}
	f.Fuzz(func(t *testing.T, encoded []byte, dynamic bool) {
		request, err := term.Decode(encoded)
		if err != nil {
			return
		}
		flags := Flags{}
		if dynamic {
			flags.Strategy = Dynamic
		}
		host := newFake()
		c := booted(t, host, flags, startable("a", Permanent))
		reply, known := c.answer(request)
		if !known {
			return
		}
		if _, err := term.Encode(reply); err != nil {
			t.Fatalf("reply %v: %v", reply, err)
		}
		c.shutdown()
		if len(host.running) > 0 {
			t.Fatalf("still running: %v", host.running)
		}
	})
}

// FuzzReplies: what a supervisor, or who claims to be one, answers.
func FuzzReplies(f *testing.F) {
	for _, reply := range []any{
		tagOK,
		[]any{tagOK, wnode.Pid{Node: 1, Num: 2}},
		[]any{tagOK, nil},
		[]any{tagError, "not_found"},
		[]any{tagError, []any{"already_started", wnode.Pid{Node: 1, Num: 2}}},
		[]any{[]any{"a", wnode.Pid{Node: 1, Num: 2}, "worker"}, []any{nil, "restarting", "supervisor"}},
		map[string]int{"specs": 1, "active": 1, "supervisors": 1, "workers": 1},
	} {
		f.Add(term.MustEncode(reply))
	}
	f.Fuzz(func(t *testing.T, encoded []byte) {
		reply, err := term.Decode(encoded)
		if err != nil {
			return
		}
		if pid, err := outcome(reply); err != nil && !pid.IsZero() {
			t.Fatal("a pid and an error")
		}
		if list, err := parseChildren(reply); err == nil && len(list) != len(reply.([]any)) {
			t.Fatal("children are lost")
		}
		_, _ = parseCounts(reply)
	})
}

// sent gives a term as its receiver has it.
func sent(t *testing.T, value any) any {
	t.Helper()
	decoded, err := term.Decode(term.MustEncode(value))
	if err != nil {
		t.Fatal(err)
	}
	return decoded
}

func TestReplies(t *testing.T) {
	f := newFake()
	c := booted(t, f, Flags{}, startable("a", Permanent), Child{ID: "s", Type: Supervisor, Start: Start{Func: "f"}})
	ask := func(request any) any {
		t.Helper()
		reply, known := c.answer(sent(t, request))
		if !known {
			t.Fatalf("%v is unknown", request)
		}
		return sent(t, reply)
	}
	list, err := parseChildren(ask(whichChildren))
	if want := c.which(); err != nil || !reflect.DeepEqual(list, want) {
		t.Errorf("children %v, %v, want %v", list, err, want)
	}
	counts, err := parseCounts(ask(countChildren))
	if want := (Counts{Specs: 2, Active: 2, Supervisors: 1, Workers: 1}); err != nil || counts != want {
		t.Errorf("counts %v, %v, want %v", counts, err, want)
	}
	for _, refused := range []struct {
		request any
		err     error
	}{
		{[]any{deleteChild, "a"}, ErrRunning},
		{[]any{deleteChild, "x"}, ErrNotFound},
		{[]any{deleteChild, 1}, ErrNotFound},
		{[]any{restartChild, 1}, ErrNotFound},
		{[]any{restartChild, "a"}, ErrRunning},
		{[]any{startChild, startable("a", "").Term()}, abi.ErrNameTaken},
	} {
		if _, err := outcome(ask(refused.request)); !errors.Is(err, refused.err) {
			t.Errorf("%v: %v, want %v", refused.request, err, refused.err)
		}
	}
	if pid, err := outcome(ask([]any{startChild, startable("b", "").Term()})); err != nil || pid != f.pid("b") {
		t.Errorf("start: %v, %v", pid, err)
	}
	if _, err := outcome(ask([]any{terminateChild, "b"})); err != nil {
		t.Error(err)
	}
}
