package processors

import (
	"runtime"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// followed runs a follower that sees what the test has it see: each call of the result is a look, after which the look before has
// had its effect.
func followed(t *testing.T) (look func(used float64)) {
	t.Helper()
	done, ticks, seen := make(chan struct{}), make(chan time.Time), make(chan observation, 1)
	var wg sync.WaitGroup
	wg.Go(func() { follow(done, ticks, func(time.Duration) {}, func() observation { return <-seen }) })
	t.Cleanup(func() {
		close(done)
		wg.Wait()
		apply(false)
	})
	var w world
	return func(used float64) {
		seen <- w.pass(lookEvery, used, 1, wanted.Swap(false))
		ticks <- time.Time{}
	}
}

func expect(t *testing.T, one bool, when string) {
	t.Helper()
	if Single() != one || one && runtime.GOMAXPROCS(0) != 1 {
		t.Fatalf("single %v, %d processors %s", Single(), runtime.GOMAXPROCS(0), when)
	}
}

// calm has looks until the program keeps to one processor.
func calm(t *testing.T, look func(float64)) {
	t.Helper()
	for range maxPatience + 3 {
		look(0)
		if Single() {
			look(0)
			return
		}
	}
	t.Fatal("all processors for nothing")
}

func TestFollow(t *testing.T) {
	runtime.SetDefaultGOMAXPROCS() // whatever the environment says
	before := runtime.GOMAXPROCS(0)
	look := followed(t)
	calm(t, look)
	expect(t, true, "with nothing to do")
	if All() != before {
		t.Errorf("%d processors in all, not %d", All(), before)
	}

	Want()
	for Single() { // the follower is told at once, and needs no look
		runtime.Gosched()
	}
	look(0)
	if now := runtime.GOMAXPROCS(0); now != before {
		t.Fatalf("%d processors for who wants more, of %d", now, before)
	}

	calm(t, look)
	release := Hold()
	expect(t, false, "while they are held")
	for range 2 * maxPatience {
		look(0)
		expect(t, false, "while they are held")
	}
	again := Hold()
	release()
	release()
	for range 2 * maxPatience {
		look(0)
		expect(t, false, "while another one holds them")
	}
	again()
	calm(t, look)
	expect(t, true, "when nobody holds them")
}

// Once is chance, and twice is a sign.
func TestReady(t *testing.T) {
	look := followed(t)
	calm(t, look)
	ago := func(d time.Duration) time.Time { return time.Now().Add(-d) }
	late.Store(0)
	Ready(ago(0))
	Ready(ago(tooLate))
	if wanted.Load() {
		t.Error("to be late once is to want more")
	}
	late.Store(ago(2 * together).UnixNano())
	Ready(ago(tooLate))
	if wanted.Load() {
		t.Error("to be late now and then is to want more")
	}
	late.Store(time.Now().Add(time.Hour).UnixNano())
	Ready(ago(tooLate))
	if !wanted.Load() {
		t.Error("to be late again and again is not to want more")
	}
}

// One follows at a time, and whoever says how many processors there are to be is not overruled.
func TestFollowOnce(t *testing.T) {
	t.Setenv("GOMAXPROCS", "2")
	Follow()()
	if following {
		t.Error("GOMAXPROCS is overruled")
	}
	t.Setenv("GOMAXPROCS", "")
	if !observable || runtime.NumCPU() == 1 {
		if Follow()(); following {
			t.Error("there is nothing to follow")
		}
		return
	}
	stop := Follow()
	Follow()()
	if !following {
		t.Error("the second one has ended the first")
	}
	stop()
	if stop(); following {
		t.Error("it follows for ever")
	}
	expect(t, false, "at the end")
}
