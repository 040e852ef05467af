package sched

import (
	"runtime"
	"testing"
	"time"

	"github.com/wnode/wnode/internal/nodetest"
	"github.com/wnode/wnode/internal/processors"
)

// keepToOne has the program keep to one processor, of more than one that nobody says there are to be.
func keepToOne(t *testing.T) {
	t.Setenv("GOMAXPROCS", "")
	before := runtime.GOMAXPROCS(2)
	t.Cleanup(func() { runtime.GOMAXPROCS(before) })
	t.Cleanup(processors.Follow())
	nodetest.Eventually(t, "one processor for nothing to do", processors.Single)
}

// Who computes has all processors soon, and so have two who compute in short turns.
func TestComputingWantsProcessors(t *testing.T) {
	for name, computing := range map[string]int{"a task": 1, "two tasks": 2} {
		t.Run(name, func(t *testing.T) {
			keepToOne(t)
			ts := tasks{s: newTest(t, 2)}
			for range computing {
				ts.start(nil, func(task *Task) {
					yieldUntil(task, func() bool { return !processors.Single() })
				})
			}
			ts.wg.Wait()
		})
	}
}

// Tasks that never use a slice up but keep two cores busy have two processors.
func TestBusyCoresWantProcessors(t *testing.T) {
	keepToOne(t)
	ts := tasks{s: newTest(t, 2)}
	for range 2 {
		ts.start(nil, func(task *Task) {
			for processors.Single() {
				for began := time.Now(); time.Since(began) < 50*time.Microsecond; {
				}
				task.Ready(task)
				task.Park()
				next := new(Task)
				ts.wg.Add(1)
				ts.s.Start(next, bodyFunc(func() { defer ts.wg.Done(); task.Ready(next) }), task)
				task.Park()
			}
		})
	}
	ts.wg.Wait()
}

// A task that others have made ready since it has used a slice up does not compute.
func TestTalkIsNoComputing(t *testing.T) {
	ts := tasks{s: newTest(t, 1)}
	ts.start(nil, func(task *Task) {
		for range 3 {
			ts.start(task, func(other *Task) { task.Ready(other) })
			task.Park()
		}
		if task.computes() {
			t.Error("a task that has waited computes")
		}
		task.Yield()
		if !task.computes() {
			t.Error("a task that has not waited since does not compute")
		}
	})
	ts.wg.Wait()
}
