package ship

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wnode/wnode/abi"
)

// taking asks a server for a module, and takes it in slowly, so many bytes a second, when it comes. It gives how that ends.
func taking(t *testing.T, v *Server, from abi.NodeID, q request, form Form, rate int) <-chan error {
	t.Helper()
	over, last := make(chan struct{}), make(chan error, 1)
	t.Cleanup(func() { <-over })              // after the stream is closed
	s, ended, _ := asked(t, v, from, q, form) // the server may be gone at the end of the test
	go func() {
		defer close(over)
		last <- takeSlowly(t.Context(), s, ended, form, rate)
	}()
	return last
}

// greedy is taking again and again.
func greedy(t *testing.T, v *Server, from abi.NodeID, q request, form Form, rate int) {
	t.Helper()
	last, over := taking(t, v, from, q, form, rate), make(chan struct{})
	t.Cleanup(func() { <-over })
	go func() {
		defer close(over)
		for t.Context().Err() == nil {
			<-last
			last = taking(t, v, from, q, form, rate)
		}
	}()
	synctest.Wait()
}

// takeSlowly reads answers, and then some bytes every second. It gives the end of the server's side.
func takeSlowly(ctx context.Context, s net.Conn, ended <-chan error, form Form, rate int) error {
	a, err := readAnswer(s, form)
	for err == nil && a.status == statusWait {
		a, err = readAnswer(s, form)
	}
	for rate > 0 && err == nil && a.status == statusOK && pause(ctx, time.Second) {
		_, err = io.CopyN(io.Discard, s, int64(rate))
	}
	if a.status == statusBusy {
		pause(ctx, time.Second)
	}
	select {
	case err = <-ended:
		return err
	case <-ctx.Done():
		return nil
	}
}

// served gives how long it takes until a module begins to come.
func served(t *testing.T, v *Server, from abi.NodeID, q request, form Form) time.Duration {
	t.Helper()
	begun := time.Now()
	s, _ := requested(t, v, from, q, form)
	for {
		a, err := readAnswer(s, form)
		switch {
		case err == nil && a.status == statusOK:
			return time.Since(begun)
		case err == nil && a.status == statusBusy: // ask again later
			pause(t.Context(), maxPause)
			s, _ = requested(t, v, from, q, form)
		case err != nil || a.status != statusWait:
			t.Fatalf("status %d, %v, after %v", a.status, err, time.Since(begun))
		}
	}
}

// over counts how many transfers have ended, all of them because they had to give way.
func over(t *testing.T, ends []<-chan error) (n int) {
	t.Helper()
	synctest.Wait()
	for _, ended := range ends {
		select {
		case err := <-ended:
			n++
			if !errors.Is(err, ErrGaveWay) {
				t.Errorf("it ended with %v", err)
			}
		default:
		}
	}
	return n
}

// A transfer gives way when nothing of it has moved for some seconds, or it has taken longer than its turn, and somebody
// waits for that; and not before, nor does another one.
func TestTransfersGiveWay(t *testing.T) {
	for name, c := range map[string]struct {
		form        Form
		rate        int
		least, most time.Duration
	}{
		"standing":            {FormMaps, 0, stillTime, stillTime + 2*time.Second},
		"slow":                {FormMaps, minPiece, pacings[FormMaps].whole, pacings[FormMaps].whole + 3*time.Second},
		"standing, as before": {FormFixed, 0, pacings[FormFixed].still, pacings[FormFixed].still + 2*time.Second},
		"slow, as before":     {FormFixed, minPiece / 2, pacings[FormFixed].whole, pacings[FormFixed].whole + 15*time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			serving(t, func(t *testing.T, v *Server, modules []request) {
				if c.form == FormFixed {
					v.turns.opts.MaxTransfers *= 2 // half of them are for others
				}
				var ends []<-chan error
				for i := range DefaultMaxTransfers {
					ends = append(ends, taking(t, v, abi.NodeID(10+i), modules[i], c.form, c.rate))
				}
				synctest.Wait()
				pause(t.Context(), c.least-4*time.Second)
				if n := over(t, ends); n != 0 {
					t.Errorf("%d give way to nobody", n)
				}
				if waited := served(t, v, 66, modules[10], c.form); waited < 4*time.Second || waited > c.most-c.least+4*time.Second {
					t.Errorf("it waits for %v", waited)
				}
				pause(t.Context(), time.Second)
				if n := over(t, ends); n != 1 {
					t.Errorf("%d have ended", n)
				}
			})
		})
	}
}

// Two nodes that read a module slowly do not keep a third one from it.
func TestSlowReadersOfOneModule(t *testing.T) {
	serving(t, func(t *testing.T, v *Server, modules []request) {
		greedy(t, v, 11, modules[0], FormMaps, minPiece)
		greedy(t, v, 12, modules[0], FormMaps, minPiece)
		if waited := served(t, v, 66, modules[0], FormMaps); waited > longTransfer+2*time.Second {
			t.Errorf("it waits for %v", waited)
		}
	})
}

// A node has one place for a module: asking again gives up what it had.
func TestAskingAgain(t *testing.T) {
	serving(t, func(t *testing.T, v *Server, modules []request) {
		s, sent := requested(t, v, 10, modules[0], FormMaps)
		wantStatus(t, s, FormMaps, statusOK)
		s, _ = requested(t, v, 11, modules[0], FormMaps)
		wantStatus(t, s, FormMaps, statusOK)
		waits, _ := requested(t, v, 12, modules[0], FormMaps)
		wantStatus(t, waits, FormMaps, statusWait)

		s, _ = requested(t, v, 12, modules[0], FormMaps)
		wantStatus(t, s, FormMaps, statusWait)
		wantStatus(t, waits, FormMaps, statusBusy)
		s, _ = requested(t, v, 10, modules[0], FormMaps)
		wantStatus(t, s, FormMaps, statusWait)
		if err := <-sent; !errors.Is(err, ErrGaveWay) {
			t.Errorf("a node has two transfers of one module: %v", err)
		}
	})
}

// The line has places for all nodes: those that have many lose them to those that have few.
func TestPlacesInLine(t *testing.T) {
	var ts turns
	ts.init(ServerOptions{MaxTransfers: 1, MaxPeerTransfers: 1})
	var line []*turn
	asks := func(from abi.NodeID) decision {
		hash := abi.Hash{byte(len(line)), 1}
		line = append(line, newTurn(hash, from, FormMaps, func(error) {}))
		return ts.admit(line[len(line)-1], true)
	}
	if d := asks(1); d != granted {
		t.Fatalf("the first one: %v", d)
	}
	for i := range maxWaiting {
		if d := asks(abi.NodeID(10 + i/maxPeerWaiting)); d != queued {
			t.Fatalf("number %d in the line: %v", i, d)
		}
	}
	if d := asks(10); d != busy {
		t.Errorf("one that has its share: %v", d)
	}
	for i := range maxPeerWaiting - 1 {
		if d := asks(66); d != queued || len(ts.waiting) != maxWaiting {
			t.Errorf("place %d of one that comes late: %v", i, d)
		}
	}
	if d := asks(66); d != busy {
		t.Errorf("and one that it has no right to: %v", d)
	}
	if d := asks(67); d != queued || count(ts.waiting, line[len(line)-2].sameNode) < maxPeerWaiting-2 {
		t.Errorf("another one: %v", d)
	}
}

// A node that lets its transfers stand has its share of them and no more: others are served.
func TestOneNodeCannotTakeAll(t *testing.T) {
	for form, most := range map[Form]int{FormFixed: DefaultMaxPeerTransfers / 2, FormMaps: DefaultMaxPeerTransfers} {
		t.Run(form.stream().String(), func(t *testing.T) {
			serving(t, func(t *testing.T, v *Server, modules []request) {
				for i, q := range modules {
					s, _ := requested(t, v, 66, q, form)
					synctest.Wait()
					switch {
					case i < most:
						wantStatus(t, s, form, statusOK)
					case i >= most+maxPeerWaiting:
						wantStatus(t, s, form, statusBusy)
					case form == FormMaps:
						wantStatus(t, s, form, statusWait)
					}
				}
				k := &basket{t: t}
				if fetchErr, serveErr := transfer(t, v, modules[0].hash, k, FetchOptions{Form: form}); fetchErr != nil || serveErr != nil {
					t.Errorf("another node: %v, %v", fetchErr, serveErr)
				}
			})
		})
	}
}

// A few peers that hold all transfers, and all places in the line, keep nobody else waiting for long, whichever form
// they speak and whether they take in nothing or just enough.
func TestColludingPeers(t *testing.T) {
	const enough = 2 * turnBytes // a second
	for name, c := range map[string]struct {
		peers       int
		form, third Form
		rate        int
		most        time.Duration
	}{
		"that stand still":         {2, FormMaps, FormMaps, 0, 4 * time.Second},
		"that take in little":      {2, FormMaps, FormMaps, minPiece, 4 * time.Second},
		"that take in enough":      {2, FormMaps, FormMaps, enough, 4 * time.Second},
		"of the fixed form":        {2, FormFixed, FormMaps, minPiece, 0},
		"and one of the fixed":     {2, FormMaps, FormFixed, enough, 4 * time.Second},
		"all of the fixed form":    {2, FormFixed, FormFixed, 0, pacings[FormFixed].share},
		"one more":                 {3, FormMaps, FormMaps, enough, 4 * time.Second},
		"as many as transfers":     {8, FormMaps, FormMaps, enough, sliceTime + 2*time.Second},
		"as many, and they stand":  {8, FormMaps, FormMaps, 0, stillTime + 2*time.Second},
		"as many of another form":  {8, FormFixed, FormMaps, 0, 0},
		"so many that some wait":   {12, FormMaps, FormMaps, enough, 3 * sliceTime},
		"so many, and little each": {12, FormMaps, FormMaps, minPiece, 2*pacings[FormMaps].whole + 20*time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			serving(t, func(t *testing.T, v *Server, modules []request) {
				for _, q := range modules[:11] {
					for peer := range c.peers {
						greedy(t, v, abi.NodeID(100+peer), q, c.form, c.rate)
					}
				}
				for i := range 3 { // and it goes on like that
					waited := served(t, v, abi.NodeID(5+i), modules[11], c.third)
					t.Logf("it waits for %v", waited)
					if waited > c.most {
						t.Errorf("it waits for %v", waited)
					}
					pause(t.Context(), 3*time.Second)
				}
			})
		})
	}
}
