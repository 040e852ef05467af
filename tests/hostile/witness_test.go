package hostile

import (
	"slices"
	"time"

	"github.com/wnode/wnode"
	"github.com/wnode/wnode/abi"
)

// What a witness has to keep to: a hundred times its own median without an attack, and no less than
// a time that a busy machine may take for nothing at all.
const (
	witnessFactor = 100
	witnessFloor  = 2 * time.Second
)

// witness is a guest that sends every message back, and the process that measures how long it takes.
type witness struct {
	n     *node
	pid   abi.Pid
	usual time.Duration // the median without an attack
	ticks chan struct{} // a token for an answer while something goes on
}

func newWitness(n *node) *witness {
	const echo, sender = 0, 1024
	a := n.spawn(n.load(guest(loop(
		do("wnode.receive", long(-1), num(echo), num(16)),
		do("wnode.message_sender", num(sender)),
		do("wnode.send", pidAt(sender), num(echo), num(16)),
	))))
	w := &witness{n: n, pid: a.pid, ticks: make(chan struct{}, 1)}
	var took []time.Duration
	n.as(func(p *wnode.Process) {
		for range 200 {
			took = append(took, w.ask(p))
		}
	})
	w.usual = median(took)
	return w
}

// ask asks once, and gives the time until the answer came.
func (w *witness) ask(p *wnode.Process) time.Duration {
	begin := time.Now()
	if p.Send(p.Context(), w.pid, make([]byte, 16)) == nil {
		_, _ = p.Receive(p.Context(), patience) // that it is late is for who measures to say
	}
	return time.Since(begin)
}

func median(times []time.Duration) time.Duration {
	slices.Sort(times)
	return times[len(times)/2]
}

// answers waits until the witness has answered a few times, which is how long an attack goes on.
func (w *witness) answers(times int) {
	w.n.t.Helper()
	for range times {
		select {
		case <-w.ticks:
		case <-time.After(patience):
			w.n.t.Fatal("the witness does not answer")
		}
	}
}

// during asks the witness all the time while something goes on, and complains if it is late.
func (w *witness) during(name string, something func()) {
	w.n.t.Helper()
	stop, stopped := make(chan struct{}), make(chan struct{})
	var took []time.Duration
	w.n.native(func(p *wnode.Process) {
		defer close(stopped)
		for p.Context().Err() == nil {
			took = append(took, w.ask(p))
			select {
			case w.ticks <- struct{}{}:
			default:
			}
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
			}
		}
	})
	something()
	close(stop)
	<-stopped
	worst, most := slices.Max(took), max(witnessFloor, witnessFactor*w.usual)
	w.n.t.Logf("%s: the witness answers %d times, median %v, worst %v; without an attack %v",
		name, len(took), median(took), worst, w.usual)
	if worst > most {
		w.n.t.Errorf("%s: the witness takes %v, more than %v", name, worst, most)
	}
}
