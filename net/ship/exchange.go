package ship

import (
	"cmp"
	"context"
	"math/bits"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/wnode/wnode/abi"
)

// Neighbour is a connected node.
type Neighbour struct {
	Node abi.NodeID
	// Distance is how long a packet to it and the answer take; 0 for a node of the same machine.
	Distance time.Duration
	// Form is what it understands.
	Form Form
}

// Peers are the other nodes. Its methods may be called concurrently.
type Peers interface {
	// Neighbours gives the connected nodes, in any order.
	Neighbours() []Neighbour
	// Open opens a stream for one transfer with a node. With connect it may connect first. The error wraps
	// [abi.ErrNotConnected] when the node cannot be reached.
	Open(ctx context.Context, node abi.NodeID, connect bool) (Stream, Form, error)
}

// Attempt is one try to get a module from a node.
type Attempt struct {
	Module       abi.Hash
	Node, Origin abi.NodeID
	Received
	Err error // nil: the module is here
}

// ExchangeOptions are the parameters of an [Exchange]. Those without a default are required.
type ExchangeOptions struct {
	// ServerOptions bounds what is sent. Its Waits is told of this node too, while that waits for others.
	ServerOptions
	Source Source
	Sink   Sink
	Peers  Peers
	// Progress is told how far a module that comes is, in bytes. nil: nobody is.
	Progress func(hash abi.Hash, done, total int64)
	// Tried is told of every attempt, after it. nil: nobody is.
	Tried func(Attempt)
}

// Exchange moves the modules of one node: it serves those that are here to other nodes, and brings those that
// are not from the nearest node that has them. It is safe for concurrent use.
type Exchange struct {
	opts   ExchangeOptions
	server *Server

	mu       sync.Mutex
	mistrust map[abi.NodeID]time.Time // nodes that are asked only when nobody else is left, until when
}

// NewExchange gives an exchange.
func NewExchange(o ExchangeOptions) *Exchange {
	if o.Progress == nil {
		o.Progress = func(abi.Hash, int64, int64) {}
	}
	if o.Waits == nil {
		o.Waits = func(Wait) {}
	}
	if o.Tried == nil {
		o.Tried = func(Attempt) {}
	}
	return &Exchange{opts: o, server: NewServer(o.Source, o.ServerOptions), mistrust: make(map[abi.NodeID]time.Time)}
}

// Serve is [Server.Serve].
func (x *Exchange) Serve(ctx context.Context, s Stream, from abi.NodeID, form Form) error {
	return x.server.Serve(ctx, s, from, form)
}

// A node that has sent something else than it was asked for is not asked for so long, unless it is the origin, and one
// that was slow, or was lost, for less. So many are remembered.
const (
	mistrustTime = 10 * time.Minute
	slowTime     = 30 * time.Second
	maxMistrust  = 1 << 10
)

func (x *Exchange) distrust(node abi.NodeID, away time.Duration) {
	x.mu.Lock()
	defer x.mu.Unlock()
	now := time.Now()
	for old, until := range x.mistrust {
		if now.After(until) || len(x.mistrust) >= maxMistrust {
			delete(x.mistrust, old)
		}
	}
	if until := now.Add(away); x.mistrust[node].Before(until) {
		x.mistrust[node] = until
	}
}

func (x *Exchange) trusts(node abi.NodeID) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return time.Now().After(x.mistrust[node])
}

// near gives the connected nodes that can be asked where a module is, nearest first and at random where that is
// about the same. They are nearer than a distance, and pass a test.
func (x *Exchange) near(within time.Duration, test func(abi.NodeID) bool) (nodes []abi.NodeID) {
	list := slices.DeleteFunc(x.opts.Peers.Neighbours(), func(n Neighbour) bool {
		return n.Form != FormMaps || n.Distance >= within || n.Node == x.opts.Node || !x.trusts(n.Node) || !test(n.Node)
	})
	rand.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	about := func(d time.Duration) int { return bits.Len64(uint64(d / time.Millisecond)) }
	slices.SortStableFunc(list, func(a, b Neighbour) int {
		return cmp.Or(cmp.Compare(min(a.Distance, 1), min(b.Distance, 1)), cmp.Compare(about(a.Distance), about(b.Distance)))
	})
	for _, n := range list {
		nodes = append(nodes, n.Node)
	}
	return nodes
}

// distance gives how far a connected node is, false for one that is not.
func (x *Exchange) distance(node abi.NodeID) (time.Duration, bool) {
	for _, n := range x.opts.Peers.Neighbours() {
		if n.Node == node {
			return n.Distance, true
		}
	}
	return 0, false
}

// ask asks nodes at a time whether they have a module, and gives those that have it, and behind them those that
// are about to, in the order that they were given in.
func (x *Exchange) ask(ctx context.Context, hash abi.Hash, nodes []abi.NodeID, patience time.Duration) []abi.NodeID {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	has, receiving := make([]bool, len(nodes)), make([]bool, len(nodes))
	var wg sync.WaitGroup
	for i, node := range nodes {
		wg.Go(func() {
			s, form, err := x.opts.Peers.Open(ctx, node, false)
			switch {
			case err != nil:
			case form != FormMaps: // another incarnation
				abort(s)
			default:
				has[i], receiving[i], _ = Has(ctx, s, hash) // who does not answer has nothing
			}
		})
	}
	wg.Wait()
	var yes, soon []abi.NodeID
	for i, node := range nodes {
		switch {
		case has[i]:
			yes = append(yes, node)
		case receiving[i]:
			soon = append(soon, node)
		}
	}
	return append(yes, soon...)
}
