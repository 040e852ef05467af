package supervisor

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/wnode/wnode/abi"
)

// modelChild is a child as the model sees it.
type modelChild struct {
	id       string
	restart  Restart
	runs     bool
	retrying bool
}

// model says in few words what a supervisor should do: the events that it expects are compared with
// those of the core.
type model struct {
	strategy  Strategy
	intensity int
	period    time.Duration
	children  []modelChild
	broken    map[string]bool
	restarts  []time.Duration
	events    []string
}

func (m *model) index(id string) int {
	return slices.IndexFunc(m.children, func(c modelChild) bool { return c.id == id })
}

func (m *model) do(event, id string) { m.events = append(m.events, event+" "+id) }

// start starts the child, and reports whether it could.
func (m *model) start(id string) bool {
	c := &m.children[m.index(id)]
	c.retrying = false
	if c.runs = !m.broken[id]; !c.runs {
		m.do("fail", id)
		return false
	}
	m.do("start", id)
	return true
}

func (m *model) restartFrom(id string, now time.Duration) (ends bool) {
	recent := 1
	for _, at := range m.restarts {
		if now-at <= m.period {
			recent++
		}
	}
	m.restarts = append(m.restarts, now)
	if recent > m.intensity {
		return true
	}
	var affected []string
	for i, c := range m.children {
		if c.id == id || m.strategy == OneForAll || m.strategy == RestForOne && i > m.index(id) {
			affected = append(affected, c.id)
		}
	}
	for _, id := range slices.Backward(affected) {
		m.stop(id)
	}
	for _, id := range affected {
		if m.index(id) >= 0 && !m.start(id) {
			m.children[m.index(id)].retrying = true
			break
		}
	}
	return false
}

// stop stops a child if it runs, and forgets it then if it is temporary.
func (m *model) stop(id string) {
	i := m.index(id)
	if m.children[i].runs {
		m.do("stop", id)
	}
	m.children[i].runs, m.children[i].retrying = false, false
	m.forgetTemporary(id)
}

func (m *model) forgetTemporary(id string) {
	if i := m.index(id); m.children[i].restart == Temporary && !m.children[i].runs {
		m.children = slices.Delete(m.children, i, i+1)
	}
}

func (m *model) exit(id string, orderly bool, now time.Duration) (ends bool) {
	c := &m.children[m.index(id)]
	c.runs = false
	if c.restart == Permanent || c.restart == Transient && !orderly {
		return m.restartFrom(id, now)
	}
	m.forgetTemporary(id)
	return false
}

// machine runs a core and the model side by side.
type machine struct {
	t     *rapid.T
	fake  *fake
	core  *core
	model *model
	ended bool
	added int
}

// SUP-01, SUP-02, SUP-03, SUP-04, SUP-06: whatever happens, in whatever order.
func TestAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		flags := Flags{
			Strategy:  rapid.SampledFrom([]Strategy{OneForOne, OneForAll, RestForOne}).Draw(t, "strategy"),
			Intensity: rapid.IntRange(1, 4).Draw(t, "intensity"), Period: time.Second,
		}
		m := &machine{t: t, fake: newFake()}
		m.model = &model{strategy: flags.Strategy, intensity: flags.Intensity, period: flags.Period, broken: map[string]bool{}}
		var specs []Child
		for range rapid.IntRange(0, 5).Draw(t, "children") {
			specs = append(specs, m.newChild())
		}
		var err error
		if m.core, err = newCore(flags, specs, m.fake); err != nil {
			t.Fatal(err)
		}
		if err := m.core.boot(); err != nil {
			t.Fatal(err)
		}
		for _, c := range slices.Clone(m.model.children) {
			m.model.start(c.id)
		}
		m.compare()
		t.Repeat(map[string]func(*rapid.T){
			"": func(*rapid.T) { m.compare() }, "exit": m.exit, "break": m.toggle, "time": m.pass, "retry": m.retry,
			"start": m.startChild, "terminate": m.terminateChild, "restart": m.restartChild, "delete": m.deleteChild,
		})
		m.core.shutdown()
		if len(m.fake.running) > 0 {
			t.Fatalf("still running: %v", m.fake.running)
		}
	})
}

func (m *machine) newChild() Child {
	id := fmt.Sprint("c", m.added)
	m.added++
	restart := rapid.SampledFrom([]Restart{Permanent, Transient, Temporary}).Draw(m.t, "restart of "+id)
	m.model.children = append(m.model.children, modelChild{id: id, restart: restart})
	return startable(id, restart)
}

// compare compares the events and the children.
func (m *machine) compare() {
	got, want := m.fake.since(), strings.Join(m.model.events, ", ")
	m.model.events = nil
	if got != want {
		m.t.Fatalf("did %q, should %q", got, want)
	}
	if m.ended {
		return
	}
	list := m.core.which()
	if len(list) != len(m.model.children) || len(m.core.byPid) != len(m.fake.running) {
		m.t.Fatalf("children %v, should be %v", list, m.model.children)
	}
	slices.Reverse(list)
	for i, want := range m.model.children {
		got := list[i]
		if got.ID != want.id || got.Pid.IsZero() == want.runs || got.Restarting != want.retrying || m.fake.pid(want.id) != got.Pid {
			m.t.Fatalf("child %v, should be %v", got, want)
		}
	}
}

// some gives one of the children that accept accepts.
func (m *machine) some(what string, accept func(modelChild) bool) string {
	var ids []string
	for _, c := range m.model.children {
		if accept(c) {
			ids = append(ids, c.id)
		}
	}
	if len(ids) == 0 || m.ended {
		m.t.Skip("no child to " + what)
	}
	return rapid.SampledFrom(ids).Draw(m.t, what)
}

func all(modelChild) bool { return true }

func (m *machine) exit(t *rapid.T) {
	id := m.some("exit", func(c modelChild) bool { return c.runs })
	reason := rapid.SampledFrom([]any{"normal", "shutdown", []any{"shutdown", 1}, "boom", "killed"}).Draw(t, "reason")
	ends := m.fake.crash(m.core, id, reason)
	m.end(ends, m.model.exit(id, reason != any("boom") && reason != any("killed"), m.fake.clock))
}

func (m *machine) end(ends, should bool) {
	if ends != should {
		m.t.Fatalf("ends %v, should %v", ends, should)
	}
	m.ended = m.ended || ends
}

func (m *machine) toggle(*rapid.T) {
	id := m.some("break or mend", all)
	m.model.broken[id] = !m.model.broken[id]
	delete(m.fake.broken, id)
	if m.model.broken[id] {
		m.fake.broken[id] = errors.New("broken")
	}
}

func (m *machine) pass(t *rapid.T) {
	m.fake.clock += time.Duration(rapid.Int64Range(0, int64(time.Second)).Draw(t, "ns"))
}

func (m *machine) retry(t *rapid.T) {
	if len(m.fake.retries) == 0 || m.ended {
		t.Skip("nothing to retry")
	}
	key := m.fake.retries[0]
	m.fake.retries = m.fake.retries[1:]
	should := false
	if i := slices.IndexFunc(m.core.children, func(c *child) bool { return c.key == key }); i >= 0 {
		id := m.core.children[i].spec.ID
		if m.model.children[m.model.index(id)].retrying {
			should = m.model.restartFrom(id, m.fake.clock)
		}
	}
	m.end(m.core.retry(key), should)
}

func (m *machine) startChild(t *rapid.T) {
	if m.ended {
		t.Skip("ended")
	}
	spec := m.newChild()
	m.model.start(spec.ID)
	if _, err := m.core.startChild(spec); err != nil {
		t.Fatal(err)
	}
	again := m.some("start again", all)
	_, err := m.core.startChild(startable(again, Permanent))
	want := error(ErrAlreadyPresent)
	if m.model.children[m.model.index(again)].runs {
		want = abi.ErrNameTaken
	}
	if !errors.Is(err, want) {
		t.Fatalf("start of %s: %v, want %v", again, err, want)
	}
}

func (m *machine) terminateChild(t *rapid.T) {
	id := m.some("terminate", all)
	m.model.stop(id)
	if err := m.core.terminateChild(id); err != nil {
		t.Fatal(err)
	}
}

func (m *machine) restartChild(t *rapid.T) {
	id := m.some("restart", all)
	child := m.model.children[m.model.index(id)]
	_, err := m.core.restartChild(id)
	switch {
	case child.runs && !errors.Is(err, ErrRunning), child.retrying && !errors.Is(err, ErrRestarting):
		t.Fatalf("restart of %v: %v", child, err)
	case !child.runs && !child.retrying && m.model.start(id) != (err == nil):
		t.Fatalf("restart of %v: %v", child, err)
	}
}

func (m *machine) deleteChild(t *rapid.T) {
	id := m.some("delete", all)
	i := m.model.index(id)
	child := m.model.children[i]
	err := m.core.deleteChild(id)
	switch {
	case child.runs && !errors.Is(err, ErrRunning), child.retrying && !errors.Is(err, ErrRestarting):
		t.Fatalf("delete of %v: %v", child, err)
	case !child.runs && !child.retrying:
		if err != nil {
			t.Fatal(err)
		}
		m.model.children = slices.Delete(m.model.children, i, i+1)
	}
}
