package link

import (
	"errors"
	"fmt"
	"time"
)

// errPortClosed ends a link whose peer has ended without a word.
var errPortClosed = errors.New("the peer's host says that its port is closed")

// A link is looked at ten times within the idle time-out, but no more and no less often than that.
const (
	looksPerTimeout = 10
	minLook         = 100 * time.Millisecond
	maxLook         = time.Second
)

const (
	silentLooks   = 3 // after so many the peer is asked for a word
	refusals      = 2 // so many are believed
	pingsForReset = 2 // QUIC answers a packet with a reset from 43 bytes on; with one ping it may have less
)

// watch looks for signs that the peer's program has ended without a word, which come long before the
// idle time-out: its host refuses packets to its port, or a new run of it answers with a reset. A
// link on which packets come in is left alone.
func (l *Link) watch() {
	w := newWatcher(l)
	defer func() { w.stop() }()
	w.probe() // whether the network tells the truth about a peer that is there
	timer := time.NewTimer(w.period)
	defer timer.Stop()
	for {
		ended := false
		select {
		case <-l.ending:
			return
		case <-timer.C:
			w.look()
		case <-w.refused:
			ended = w.refusal()
		}
		if ended {
			l.end(fmt.Errorf("%w: %w", ErrPeerClosed, errPortClosed), codeGoodbye)
			return
		}
		timer.Reset(w.next)
	}
}

// watcher is what has been seen of a peer.
type watcher struct {
	link     *Link
	period   time.Duration
	next     time.Duration // until the next look
	received uint64        // packets, when last looked
	silent   int           // looks without a packet
	believed int           // refusals in this silence
	mistrust bool          // refusals have come from a peer that lives
	refused  chan struct{} // holds a token for a refusal of the probe that is under way
	stop     func()        // ends that probe
}

func newWatcher(l *Link) *watcher {
	period := min(max(l.endpoint.opts.IdleTimeout/looksPerTimeout, minLook), maxLook)
	return &watcher{link: l, period: period, next: period, refused: make(chan struct{}, 1), stop: func() {}}
}

// heard reports whether packets have come in since it was last asked, and sets when the next look is
// due: time enough for an answer, at the least.
func (w *watcher) heard(period time.Duration) bool {
	stats := w.link.conn.ConnectionStats()
	w.next = max(period, 2*stats.SmoothedRTT)
	last := w.received
	w.received = stats.PacketsReceived
	return last != w.received
}

// look sees whether the peer is silent, and asks its host for it then.
func (w *watcher) look() {
	w.stop()
	select {
	case <-w.refused: // too late to be told from an answer to the next probe
	default:
	}
	if w.heard(w.period) {
		w.mistrust = w.mistrust || w.believed > 0
		w.silent, w.believed = 0, 0
		return
	}
	w.silent++
	if w.silent >= silentLooks {
		w.call()
	}
	w.probe()
}

// refusal takes the word of the peer's host that its port is closed, and reports whether the peer has
// ended. The word can be forged, and firewalls give it too. So one alone says nothing: the peer is
// asked for a word, and must stay silent for two round trips until another refusal. No more is given on any
// after which a peer was heard.
func (w *watcher) refusal() (ended bool) {
	if w.heard(minLook) { // perhaps before it
		w.silent, w.believed = 0, 0
	}
	w.believed++
	w.call()
	return w.believed >= refusals
}

// probe asks whether the peer's port is open, until the next look.
func (w *watcher) probe() {
	if w.mistrust {
		return
	}
	w.stop = w.link.endpoint.probe(w.link.RemoteAddr(), func() { w.refused <- struct{}{} })
}

// call asks the peer for a word, in a packet which is large enough for a reset.
func (w *watcher) call() {
	for range pingsForReset {
		if _, err := w.link.control.ping(); err != nil {
			return // the link is saying goodbye, or the peer takes nothing in any more
		}
	}
}
