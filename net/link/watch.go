package link

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

// errPortClosed ends a link whose peer has ended without a word.
var errPortClosed = errors.New("the peer's host says that its port is closed")

// A silent link is looked at ten times within the idle time-out, and that often at least.
const (
	watchesPerTimeout      = 10
	minWatch, maxWatch     = 100 * time.Millisecond, time.Second
	patientWatches         = 3 // in silence, before the peer is asked for a word
	refusalsToBelieve      = 2
	pingsForReset      int = 2 // QUIC answers no packet of less than 43 bytes with a reset; one ping has about as many
)

// watch looks for signs that the peer's program has ended without a word, which come long before the
// idle time-out: its host refuses packets to its port, or a new run of it answers with a reset. A
// link on which packets come in is left alone.
func (l *Link) watch() {
	period := min(max(l.endpoint.opts.IdleTimeout/watchesPerTimeout, minWatch), maxWatch)
	ticker := time.NewTicker(period)
	defer ticker.Stop()
	w := watcher{link: l, period: period, stop: func() {}}
	w.probe() // whether the network tells the truth about a peer that is there
	defer func() { w.stop() }()
	for {
		select {
		case <-l.ending:
			return
		case <-ticker.C:
		}
		if w.look() {
			l.end(fmt.Errorf("%w: %w", ErrPeerClosed, errPortClosed), codeGoodbye)
			return
		}
	}
}

// watcher is what has been seen of a silent peer.
type watcher struct {
	link     *Link
	period   time.Duration
	received uint64 // packets, when last looked
	silent   int    // looks without a packet
	refusals int    // in this silence
	refused  atomic.Bool
	mistrust bool   // refusals have come from a peer that lives
	stop     func() // the probe that is under way
}

// look reports whether the peer has ended. A refusal can be forged, and comes from firewalls too. So
// one alone says nothing: the peer is asked for a word and must stay silent for two round trips, and
// where a peer is heard after its refusal no more is given on any.
func (w *watcher) look() (ended bool) {
	stats := w.link.conn.ConnectionStats()
	heard := stats.PacketsReceived != w.received
	w.received = stats.PacketsReceived
	w.stop()
	refused := w.refused.Swap(false)
	if heard {
		w.mistrust = w.mistrust || refused || w.refusals > 0
		w.silent, w.refusals = 0, 0
		return false
	}
	w.silent++
	if refused {
		w.refusals++
	}
	if w.refusals >= refusalsToBelieve+int(2*stats.SmoothedRTT/w.period) && !w.mistrust {
		return true
	}
	if w.silent >= patientWatches || w.refusals > 0 {
		w.call()
	}
	w.probe()
	return false
}

// probe asks whether the peer's port is open, until the next look.
func (w *watcher) probe() {
	if w.mistrust {
		return
	}
	w.stop = w.link.endpoint.probe(w.link.RemoteAddr(), func() { w.refused.Store(true) })
}

// call asks the peer for a word, in a packet which is large enough for a reset.
func (w *watcher) call() {
	for range pingsForReset {
		if _, err := w.link.control.ping(); err != nil {
			return // the link is saying goodbye, or its writer will end it
		}
	}
}
