package supervisor

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	wnode "github.com/wnode/wnode/guest-sdk/go"
)

// fake is a host without a node: children start and stop at once, and all that happens is written down.
type fake struct {
	clock   time.Duration
	broken  map[string]error  // what the start of a child gives
	ends    map[string]any    // what a child ends with when it is stopped; "shutdown" if not given
	running map[wnode.Pid]any // the ids, or the arguments of dynamic children
	last    uint64            // the last pid
	events  []string
	reports []string
	retries []uint64
}

func newFake() *fake {
	return &fake{broken: map[string]error{}, ends: map[string]any{}, running: map[wnode.Pid]any{}}
}

func (f *fake) start(c Child) (wnode.Pid, error) {
	if err := f.broken[c.ID]; err != nil {
		f.events = append(f.events, "fail "+c.ID)
		return wnode.Pid{}, err
	}
	f.last++
	pid := wnode.Pid{Node: 1, Num: f.last}
	f.running[pid] = c.ID
	f.events = append(f.events, "start "+c.ID)
	return pid, nil
}

func (f *fake) stop(targets []target) (reasons []any) {
	for _, t := range targets {
		id := fmt.Sprint(f.running[t.pid])
		delete(f.running, t.pid)
		f.events = append(f.events, "stop "+id)
		reason, ok := f.ends[id]
		if !ok {
			reason = "shutdown"
		}
		reasons = append(reasons, reason)
	}
	return reasons
}

func (f *fake) retry(key uint64)   { f.retries = append(f.retries, key) }
func (f *fake) now() time.Duration { return f.clock }

func (f *fake) report(context string, c Child, _ wnode.Pid, reason any) {
	f.reports = append(f.reports, fmt.Sprint(context, " ", c.ID, " ", reason))
}

// since gives the events since the last call.
func (f *fake) since() string {
	events := strings.Join(f.events, ", ")
	f.events = nil
	return events
}

// pid gives the process of a child, zero for none.
func (f *fake) pid(id string) wnode.Pid {
	for pid, running := range f.running {
		if running == any(id) {
			return pid
		}
	}
	return wnode.Pid{}
}

// crash ends a child.
func (f *fake) crash(c *core, id string, reason any) (ends bool) {
	pid := f.pid(id)
	delete(f.running, pid)
	return c.exited(pid, reason)
}

func startable(id string, restart Restart) Child {
	return Child{ID: id, Restart: restart, Start: Start{Func: "f"}}
}

func permanents(ids string) (list []Child) {
	for _, id := range strings.Split(ids, "") {
		list = append(list, startable(id, Permanent))
	}
	return list
}

// booted gives a core whose children run.
func booted(t *testing.T, f *fake, flags Flags, children ...Child) *core {
	t.Helper()
	c, err := newCore(flags, children, f)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.boot(); err != nil {
		t.Fatal(err)
	}
	return c
}

func wantEvents(t *testing.T, f *fake, what, want string) {
	t.Helper()
	if got := f.since(); got != want {
		t.Errorf("%s: got %q, want %q", what, got, want)
	}
}

func wantReport(t *testing.T, f *fake, want string) {
	t.Helper()
	if !slices.Contains(f.reports, want) {
		t.Errorf("no report %q in %q", want, f.reports)
	}
}
