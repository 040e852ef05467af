package wnode

import (
	"context"
	"fmt"
	"io"
	"path/filepath"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/net/link"
	"github.com/wnode/wnode/net/ship"
	"github.com/wnode/wnode/vm/guest"
	"github.com/wnode/wnode/vm/module"
)

func openStore(opts Options) (*module.Store, error) {
	dir := ""
	if opts.CacheDir != "" {
		dir = filepath.Join(opts.CacheDir, "modules")
	}
	return module.NewStore(module.Options{Dir: dir, MaxModuleBytes: opts.MaxModuleBytes, Logger: opts.Logger})
}

func (n *Node) newEngine() (*guest.Engine, error) {
	n.ships = ship.NewServer(source{n, n.store}, ship.ServerOptions{MaxModuleBytes: n.opts.MaxModuleBytes})
	dir := ""
	if n.opts.CacheDir != "" {
		dir = filepath.Join(n.opts.CacheDir, "compiled")
	}
	return guest.NewEngine(guest.Options{
		Modules: guestModules{n}, Names: n, Globals: guestGlobals{n}, Nodes: n, Logger: n.log, CacheDir: dir,
		MaxModuleBytes: int(n.opts.MaxModuleBytes),
		Compiling:      func(hash abi.Hash, done, size int64) { n.progress(WorkCompile, hash, done, size) },
	})
}

// Load puts a module into the node's store and gives the function at its default export. name is
// what people call it. The error says in one line what is wrong with it.
func (n *Node) Load(name string, bytes []byte) (abi.Function, error) {
	if err := module.Check(bytes); err != nil {
		return abi.Function{}, fmt.Errorf("%s: %w", name, err)
	}
	hash, err := n.store.Put(bytes)
	if err != nil {
		return abi.Function{}, fmt.Errorf("%s: %w", name, err)
	}
	return abi.Function{Module: hash, Export: abi.DefaultExport, Name: name}, nil
}

// guestModules is where the engine gets modules from: the store, else the node that has them.
type guestModules struct{ node *Node }

func (g guestModules) Put(bytes []byte) (abi.Hash, error) { return g.node.store.Put(bytes) }
func (g guestModules) Has(hash abi.Hash) bool             { return g.node.store.Has(hash) }

func (g guestModules) Module(ctx context.Context, hash abi.Hash, origin abi.NodeID) ([]byte, error) {
	n := g.node
	if origin == n.id {
		return n.store.Get(hash)
	}
	return n.store.Fetch(ctx, hash, func(ctx context.Context) error { return n.fetch(ctx, hash, origin) })
}

// fetch brings a module from another node into the store.
func (n *Node) fetch(ctx context.Context, hash abi.Hash, origin abi.NodeID) error {
	from, _ := n.NodeName(origin)
	l := n.peers.linkTo(origin)
	if l == nil {
		return fmt.Errorf("fetch module %s from %s: %w", hash.Short(), from, abi.ErrNotConnected)
	}
	stream, err := l.OpenModuleStream(ctx)
	if err == nil {
		err = ship.Fetch(ctx, stream, hash, sink(n.store), ship.FetchOptions{
			MaxModuleBytes: n.opts.MaxModuleBytes,
			Progress:       func(done, total int64) { n.progress(WorkReceive, hash, done, total) },
		})
	}
	if err != nil {
		n.log.Error("module transfer failed", "module", hash.Short(), "peer", from, "err", err)
		return fmt.Errorf("fetch module %s from %s: %w", hash.Short(), from, err)
	}
	n.log.Info("module received", "module", hash.Short(), "peer", from)
	return nil
}

// sink lets a transfer write to the store.
func sink(store *module.Store) ship.Sink {
	return ship.SinkFunc(func(hash abi.Hash, size int64) (ship.Writer, error) { return store.Create(hash, size) })
}

// handler is what a link brings in.
type handler struct {
	node *Node
	link *link.Link
}

func (h handler) Signal(sig abi.Signal) {
	// The link has checked that a sender, if there is one, is of the peer's; nobody may send as no one.
	if sig.From.Node == h.link.Peer().Node {
		h.node.sys.Deliver(sig)
	}
}

func (h handler) ModuleStream(stream io.ReadWriteCloser) {
	if err := h.node.ships.Serve(h.node.ctx, stream); err != nil {
		h.node.log.Warn("module not sent", "peer", h.link.Peer().Name, "err", err)
	}
}

// guestGlobals are the global names as guests reach them.
type guestGlobals struct{ node *Node }

func (g guestGlobals) Register(ctx context.Context, name string, pid abi.Pid) error {
	return g.node.GlobalRegister(ctx, name, pid)
}

func (g guestGlobals) Unregister(ctx context.Context, name string) error {
	return g.node.GlobalUnregister(ctx, name)
}

func (g guestGlobals) Whereis(name string) (abi.Pid, bool) { return g.node.GlobalWhereis(name) }
