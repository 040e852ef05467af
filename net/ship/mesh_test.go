package ship

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wnode/wnode/abi"
)

// mesh is nodes that are all connected, in simulated time. What a node sends shares its way out.
type mesh struct {
	t     testing.TB
	nodes map[abi.NodeID]*member
	rate  float64 // bytes a second that a node can send; 0 is no bound
	form  Form
	wg    sync.WaitGroup
}

// member is one node, and its store, its peers and its ears.
type member struct {
	mesh     *mesh
	id       abi.NodeID
	exchange *Exchange
	far      map[abi.NodeID]time.Duration // distances that are not 0

	mu       sync.Mutex
	modules  map[abi.Hash][]byte
	partial  map[abi.Hash][]byte
	free     time.Time // when what is being sent has gone out
	sent     int64     // bytes
	opened   int       // streams
	tried    []Attempt
	waited   []Wait // what this node was told
	down     bool
	lies     bool
	stuck    bool           // takes nothing in
	slow     time.Duration  // for each write to its store
	serves   func(net.Conn) // in place of its exchange, when it is set
	cutAfter int64          // bytes of the next stream after which it breaks; 0 is never
}

func newMesh(t testing.TB, nodes int, rate float64) *mesh {
	m := &mesh{t: t, nodes: map[abi.NodeID]*member{}, rate: rate, form: FormMaps}
	for id := abi.NodeID(1); id <= abi.NodeID(nodes); id++ {
		k := &member{mesh: m, id: id, modules: map[abi.Hash][]byte{}, partial: map[abi.Hash][]byte{}, far: map[abi.NodeID]time.Duration{}}
		k.exchange = NewExchange(ExchangeOptions{ServerOptions: ServerOptions{Node: id, Waits: k.waits}, Source: memberSource{k}, Sink: memberSink{k}, Peers: memberPeers{k}, Tried: k.note})
		m.nodes[id] = k
	}
	return m
}

func (k *member) note(a Attempt) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.tried = append(k.tried, a)
}

func (k *member) waits(w Wait) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.waited = append(k.waited, w)
}

// from gives the nodes that have sent the module, or some of it, and how much.
func (k *member) from() (nodes []abi.NodeID, received []Received) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, a := range k.tried {
		if a.Err == nil || a.Bytes > 0 {
			nodes, received = append(nodes, a.Node), append(received, a.Received)
		}
	}
	return nodes, received
}

func (k *member) Has(hash abi.Hash) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.modules[hash] != nil
}

// seekable is a reader with nothing to close.
type seekable struct{ *bytes.Reader }

func (seekable) Close() error { return nil }

// content is what the node sends.
func (k *member) content(hash abi.Hash) ([]byte, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	b := k.modules[hash]
	if b == nil {
		return nil, abi.ErrNoModule
	}
	if k.lies {
		b = bytes.Clone(b)
		b[0] ^= 1
	}
	return b, nil
}

// Open is Open of a Source for nodes; Sinks and Peers have other signatures, so each has a type of its own.
type (
	memberSource struct{ *member }
	memberSink   struct{ *member }
	memberPeers  struct{ *member }
)

func (k memberSource) Open(hash abi.Hash) (io.ReadSeekCloser, int64, error) {
	b, err := k.content(hash)
	return seekable{bytes.NewReader(b)}, int64(len(b)), err
}

func (k memberSink) Open(hash abi.Hash) (Writer, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return &memberWriter{member: k.member, hash: hash, content: k.partial[hash]}, nil
}

type memberWriter struct {
	*member
	hash    abi.Hash
	content []byte
}

func (w *memberWriter) Have() int64 { return int64(len(w.content)) }

func (w *memberWriter) Begin(_, offset int64) error {
	w.content = bytes.Clone(w.content[:offset])
	return nil
}

func (w *memberWriter) Write(p []byte) (int, error) {
	if w.stuck {
		time.Sleep(time.Hour)
	}
	time.Sleep(w.slow)
	w.content = append(w.content, p...)
	return len(p), nil
}

func (w *memberWriter) keep(kept map[abi.Hash][]byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.partial, w.hash)
	if kept != nil {
		kept[w.hash] = w.content
	}
}

func (w *memberWriter) Commit() error {
	if hashOf(w.content) != w.hash {
		w.keep(nil)
		return ErrFalseContent
	}
	w.keep(w.modules)
	return nil
}

func (w *memberWriter) Suspend() { w.keep(w.partial) }
func (w *memberWriter) Abort()   { w.keep(nil) }

func (k memberPeers) Neighbours() (list []Neighbour) {
	for id, other := range k.mesh.nodes {
		if other != k.member && !other.isDown() && !k.isDown() {
			list = append(list, Neighbour{id, k.far[id], k.mesh.form})
		}
	}
	return list
}

func (k *member) isDown() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.down
}

func (k *member) set(f func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	f()
}

func (k memberPeers) Open(ctx context.Context, node abi.NodeID, _ bool) (Stream, Form, error) {
	other := k.mesh.nodes[node]
	time.Sleep(k.far[node] + time.Millisecond)
	if other == nil || other.isDown() || k.isDown() {
		return nil, 0, fmt.Errorf("node %d: %w", node, abi.ErrNotConnected)
	}
	near, far := net.Pipe()
	other.set(func() { other.opened++ })
	if other.serves != nil {
		k.mesh.wg.Go(func() { other.serves(far) })
		return near, k.mesh.form, nil
	}
	k.mesh.wg.Go(func() {
		_ = other.exchange.Serve(context.WithoutCancel(ctx), &uplink{Conn: far, member: other}, k.id, k.mesh.form) // the other side tells
	})
	return near, k.mesh.form, nil
}

// uplink is a stream that takes its share of what a node can send.
type uplink struct {
	net.Conn
	member *member
	sent   int64
}

func (u *uplink) Write(p []byte) (done int, err error) {
	for len(p) > 0 && err == nil {
		var n int
		piece := p[:min(len(p), 16<<10)]
		time.Sleep(time.Until(u.member.turn(len(piece))))
		if u.broken(len(piece)) {
			return done, io.ErrClosedPipe
		}
		n, err = u.Conn.Write(piece)
		done, p = done+n, p[n:]
	}
	return done, err
}

// broken breaks the stream, when it is to break there.
func (u *uplink) broken(n int) bool {
	u.sent += int64(n)
	u.member.mu.Lock()
	defer u.member.mu.Unlock()
	if u.member.cutAfter == 0 || u.sent < u.member.cutAfter {
		return u.member.down
	}
	u.member.cutAfter = 0
	_ = u.Conn.Close()
	return true
}

// turn gives the time at which so many bytes have gone out.
func (k *member) turn(n int) time.Time {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.sent += int64(n)
	if now := time.Now(); k.free.Before(now) {
		k.free = now
	}
	if k.mesh.rate > 0 {
		k.free = k.free.Add(time.Duration(float64(n) / k.mesh.rate * float64(time.Second)))
	}
	return k.free
}

// put gives a node a module.
func (m *mesh) put(id abi.NodeID, module []byte) abi.Hash {
	m.nodes[id].modules[hashOf(module)] = module
	return hashOf(module)
}

// A module that 100 nodes want at the same time leaves its origin about log n times, and none sends it much more often.
func TestManyWantOneModule(t *testing.T) {
	const n, size = 100, 256 << 10
	module := noise(size)
	for name, c := range map[string]struct {
		stagger, transfer time.Duration
		most              float64 // times that its origin may send it: log2 n is 7
	}{
		"at once":             {0, time.Second, 9},
		"one after the other": {30 * time.Millisecond, time.Second, 9},
		"slowly":              {0, 40 * time.Second, 14}, // so that some give way in the middle
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newMesh(t, n+1, size/c.transfer.Seconds())
				hash, begun := m.put(1, module), time.Now()
				for id := abi.NodeID(2); id <= n+1; id++ {
					time.Sleep(c.stagger)
					m.wg.Go(func() {
						if err := m.nodes[id].exchange.Fetch(t.Context(), hash, 1); err != nil {
							t.Errorf("node %d: %v", id, err)
						}
					})
				}
				m.wg.Wait()
				took, asked, most := time.Since(begun), 0, int64(0)
				for id, k := range m.nodes {
					asked += k.opened
					if id != 1 {
						most = max(most, k.sent)
					}
				}
				uploads := float64(m.nodes[1].sent) / size // some are cut, and go on elsewhere
				log2 := int(math.Ceil(math.Log2(n)))
				t.Logf("%d nodes: the origin sends the module %.1f times (log2 n is %d), others %.1f times at most; all have it after %.1f times what one transfer takes; %d requests",
					n, uploads, log2, float64(most)/size, took.Seconds()/c.transfer.Seconds(), asked)
				if uploads > c.most {
					t.Errorf("the origin has sent it %.1f times", uploads)
				}
			})
		})
	}
}
