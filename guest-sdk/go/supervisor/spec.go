package supervisor

import (
	"fmt"
	"time"

	"github.com/wnode/wnode/abi"
	wnode "github.com/wnode/wnode/guest-sdk/go"
)

// Strategy says which children are restarted when one ends.
type Strategy string

// The strategies (SUP-02).
const (
	OneForOne  Strategy = "one_for_one"        // the one that ended
	OneForAll  Strategy = "one_for_all"        // all
	RestForOne Strategy = "rest_for_one"       // that one and those that were started after it
	Dynamic    Strategy = "simple_one_for_one" // the one that ended; all children are started from one spec
)

// Restart says whether a child that ends is started again (SUP-03).
type Restart string

// The kinds of restart.
const (
	Permanent Restart = "permanent" // always
	Transient Restart = "transient" // unless it ends with "normal", "shutdown" or ["shutdown", anything]
	Temporary Restart = "temporary" // never; its spec goes with it
)

// Type says what a child is.
type Type string

// The types of children.
const (
	Worker     Type = "worker"
	Supervisor Type = "supervisor"
)

// AutoShutdown says whether a supervisor ends with its significant children (SUP-07).
type AutoShutdown string

// The kinds of automatic shutdown.
const (
	Never          AutoShutdown = "never"
	AnySignificant AutoShutdown = "any_significant" // when the first ends and is not restarted
	AllSignificant AutoShutdown = "all_significant" // when the last does
)

// The defaults (SUP-04, SUP-05).
const (
	DefaultIntensity = 1
	DefaultPeriod    = 5 * time.Second
	DefaultShutdown  = 5 * time.Second // of workers; supervisors have all the time they need
)

// BrutalKill as a shutdown time kills the child at once.
const BrutalKill time.Duration = -1

// Flags say what a supervisor does with its children. The zero value is one_for_one with the defaults.
type Flags struct {
	Strategy     Strategy      // "": OneForOne
	Intensity    int           // how many restarts there may be within Period; 0: DefaultIntensity; negative: none
	Period       time.Duration // 0: DefaultPeriod
	AutoShutdown AutoShutdown  // "": Never
}

// Start says how a child is started: a function by name, or a function of any module.
type Start struct {
	Func     string        // registered with wnode.Func, server.Register or Register; the child has started when that says so
	Function abi.Function  // the module; zero: the supervisor's own. Without Func, the export that has started once it is spawned
	Args     []any         // with Dynamic, those of StartChild come after these
	Node     string        // where; empty: the supervisor's node
	Name     wnode.Address // with Func: what the child is registered as

	Limits   wnode.Limits       // what it may use; zero: what the supervisor may
	Deny     []wnode.Permission // what it may not do, beside what the supervisor may not
	Folders  []string           // paths of the supervisor's folders that it is to have, as in wnode.SpawnOptions; nil: all
	Overflow wnode.Overflow     // what a full mailbox leads to; empty: wnode.OverflowKill
	Priority wnode.Priority     // as far as the limits allow; 0: wnode.PriorityNormal
}

// Child is the spec of a child.
type Child struct {
	ID          string // unique among the children of a supervisor
	Start       Start
	Restart     Restart       // "": Permanent
	Shutdown    time.Duration // how long it may take to stop before it is killed; 0: the default; [BrutalKill]; wnode.Infinity
	Type        Type          // "": Worker
	Significant bool          // counts for AutoShutdown; not if Permanent
}

// complete fills in the defaults and checks the flags.
func (f Flags) complete() (Flags, error) {
	f.Strategy, f.AutoShutdown = orDefault(f.Strategy, OneForOne), orDefault(f.AutoShutdown, Never)
	f.Intensity, f.Period = orDefault(f.Intensity, DefaultIntensity), orDefault(f.Period, DefaultPeriod)
	f.Intensity = max(f.Intensity, 0)
	switch {
	case !oneOf(f.Strategy, OneForOne, OneForAll, RestForOne, Dynamic):
		return f, badFlags("strategy", f.Strategy)
	case !oneOf(f.AutoShutdown, Never, AnySignificant, AllSignificant):
		return f, badFlags("auto_shutdown", f.AutoShutdown)
	case f.Period < 0:
		return f, badFlags("period", f.Period)
	case f.Strategy == Dynamic && f.AutoShutdown != Never:
		return f, badFlags("auto_shutdown", f.AutoShutdown)
	}
	return f, nil
}

// complete fills in the defaults and checks the spec of a child of a supervisor with these flags.
func (c Child) complete(f Flags) (Child, error) {
	c.Restart, c.Type = orDefault(c.Restart, Permanent), orDefault(c.Type, Worker)
	if c.Shutdown == 0 {
		c.Shutdown = DefaultShutdown
		if c.Type == Supervisor {
			c.Shutdown = wnode.Infinity
		}
	}
	switch {
	case c.ID == "":
		return c, badSpec("missing_id", c.ID)
	case c.Start.Func == "" && (c.Start.Function == abi.Function{} || c.Start.Name != wnode.Address{}):
		return c, badSpec("start", c.ID)
	case !oneOf(c.Restart, Permanent, Transient, Temporary):
		return c, badSpec("restart", c.Restart)
	case !oneOf(c.Type, Worker, Supervisor):
		return c, badSpec("type", c.Type)
	case c.Shutdown < 0 && c.Shutdown != BrutalKill:
		return c, badSpec("shutdown", c.Shutdown)
	case c.Significant && (c.Restart == Permanent || f.AutoShutdown == Never):
		return c, badSpec("significant", c.ID)
	}
	return c, nil
}

func orDefault[T comparable](value, otherwise T) T {
	var zero T
	if value == zero {
		return otherwise
	}
	return value
}

func oneOf[T comparable](value T, of ...T) bool {
	for _, v := range of {
		if v == value {
			return true
		}
	}
	return false
}

// badFlags and badSpec are errors that exit with reasons like those of the BEAM.
func badFlags(what string, value any) error {
	return &wnode.ExitError{Reason: []any{"supervisor_data", []any{what, fmt.Sprint(value)}}}
}

func badSpec(what string, value any) error {
	return &wnode.ExitError{Reason: []any{"start_spec", []any{what, fmt.Sprint(value)}}}
}
