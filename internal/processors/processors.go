// Package processors has a program that has little to do keep to one processor, and gives it all of the machine's when
// it has more to do.
//
// Goroutines that hand work to each other are fastest on one processor: each hand-over to another one wakes a thread, which
// on a virtual machine can take as long as all else that is done for a message. Erlang's schedulers keep together for the same
// reason (compaction of load, +scl of erl). A program that keeps to one processor may also wait awake for
// what comes next: it leaves the others to those who compute.
//
// All goroutines of a program share its processors, so this is for a program to decide and not for a
// library: nothing changes until [Follow] is called. All functions may be called concurrently.
package processors

import (
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

var (
	single  atomic.Bool              // the program keeps to one processor
	wanted  atomic.Bool              // somebody had more to do since the follower has looked
	waited  atomic.Int64             // nanoseconds that were spent awake for nothing
	late    atomic.Int64             // when somebody had waited for long, in nanoseconds since 1970
	wanting = make(chan struct{}, 1) // tells the follower at once

	change    sync.Mutex // held while the number of processors changes; guards all below
	following bool
	holding   int
	all       int // processors there were when the program kept to one
)

// Single reports whether the program keeps to one processor.
func Single() bool { return single.Load() }

// All gives how many processors the program has when it has all.
func All() int {
	change.Lock()
	defer change.Unlock()
	if Single() {
		return all
	}
	return runtime.GOMAXPROCS(0)
}

// Want says that there is more to do than one processor should: somebody has computed for long.
func Want() {
	if !wanted.Load() {
		wanted.Store(true)
	}
	if single.Load() {
		select {
		case wanting <- struct{}{}:
		default: // which is known
		}
	}
}

const (
	tooLate  = 500 * time.Microsecond // is too long to wait for the processor
	together = 10 * time.Millisecond  // within which once is chance: another program may have had the processor
)

// Ready tells since when somebody, who has the processor now, has waited for it. To have waited for long twice in a short time
// is to want more.
func Ready(since time.Time) {
	now := time.Now()
	if now.Sub(since) < tooLate {
		return
	}
	last := late.Swap(now.UnixNano())
	if now.UnixNano()-last < int64(together) {
		Want()
	}
}

// Hold gives the program all processors, which it has when this returns, until release is called.
func Hold() (release func()) {
	Want()
	change.Lock()
	defer change.Unlock()
	holding++
	set(false)
	return sync.OnceFunc(func() {
		change.Lock()
		defer change.Unlock()
		holding--
	})
}

// Waited tells of time that was spent awake without anything to do: it counts as no work.
func Waited(d time.Duration) { waited.Add(int64(d)) }

// Follow has the number of processors follow what the program does until stop is called, which gives it all of them.
// It changes nothing where there is only one processor, where the environment variable GOMAXPROCS says how
// many there are to be, where the system does not tell what the program has used, and while another one follows.
func Follow() (stop func()) {
	change.Lock()
	defer change.Unlock()
	if following || !observable || runtime.GOMAXPROCS(0) == 1 || os.Getenv("GOMAXPROCS") != "" {
		return func() {}
	}
	following = true
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		timer := time.NewTimer(lookEvery)
		defer timer.Stop()
		follow(done, timer.C, func(next time.Duration) { timer.Reset(next) }, observe)
	})
	return sync.OnceFunc(func() {
		close(done)
		wg.Wait()
		change.Lock()
		defer change.Unlock()
		set(false)
		following = false
	})
}

// follow is the life of a follower, which looks when it is time, and says each time when that is next.
func follow(done <-chan struct{}, now <-chan time.Time, next func(time.Duration), observe func() observation) {
	var p policy
	for {
		select {
		case <-now:
			p.look(observe())
		case <-wanting:
			p.spread(time.Now())
		case <-done:
			return
		}
		p.single = apply(p.single)
		next(p.next())
	}
}

// apply has the program keep to one processor or have all, and gives which it is: who holds them has all.
func apply(one bool) bool {
	change.Lock()
	defer change.Unlock()
	return set(one && holding == 0)
}

// set does the same while change is held.
func set(one bool) bool {
	if single.Load() == one {
		return one
	}
	single.Store(one)
	if one {
		all = runtime.GOMAXPROCS(1)
	} else {
		runtime.SetDefaultGOMAXPROCS() // which follows what the system grants, as before
	}
	return one
}

// observe gives what the program has done so far.
func observe() observation {
	return observation{
		at: time.Now(), used: used() - time.Duration(waited.Load()), idle: idle, wanted: wanted.Swap(false),
	}
}
