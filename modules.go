package wnode

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/net/link"
	"github.com/wnode/wnode/net/ship"
	"github.com/wnode/wnode/vm/guest"
	"github.com/wnode/wnode/vm/module"
)

// The parts of the cache.
const (
	cacheModules  = "modules"
	cacheCompiled = "compiled"
)

// usableCache gives the folder of the cache, or "" when nothing can be written there.
func usableCache(opts Options) string {
	if opts.CacheDir == "" {
		return ""
	}
	for _, part := range []string{cacheModules, cacheCompiled} {
		if err := tryFolder(filepath.Join(opts.CacheDir, part)); err != nil {
			opts.Logger.Warn("the cache folder cannot be used: modules and compiled code are kept in memory only",
				"path", opts.CacheDir, "err", err)
			return ""
		}
	}
	return opts.CacheDir
}

// tryFolder makes a folder, if it is missing, and a file in it for a moment.
func tryFolder(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, "try-*")
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

func openStore(opts Options) (*module.Store, error) {
	dir := ""
	if opts.CacheDir != "" {
		dir = filepath.Join(opts.CacheDir, cacheModules)
	}
	return module.NewStore(module.Options{Dir: dir, MaxModuleBytes: opts.MaxModuleBytes, Logger: opts.Logger})
}

func (n *Node) newEngine() (*guest.Engine, error) {
	n.ships = ship.NewServer(source{n, n.store}, ship.ServerOptions{MaxModuleBytes: n.opts.MaxModuleBytes})
	dir := ""
	if n.opts.CacheDir != "" {
		dir = filepath.Join(n.opts.CacheDir, cacheCompiled)
	}
	return guest.NewEngine(guest.Options{
		Modules: guestModules{n}, Names: n, Globals: guestGlobals{n}, Nodes: n, Logger: n.log, CacheDir: dir, CacheBytes: n.opts.CodeBytes,
		CompileWorkers: n.opts.CompileWorkers, Threads: n.opts.Threads,
		MaxModuleBytes: int(n.opts.MaxModuleBytes), Memory: n.memory,
		Compiling: func(hash abi.Hash, done, size int64) { n.progress(WorkCompile, hash, done, size) },
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

// fetch brings a module from another node into the store. While that node has as many transfers as
// it allows, this one waits its turn.
func (n *Node) fetch(ctx context.Context, hash abi.Hash, origin abi.NodeID) error {
	from, _ := n.NodeName(origin)
	err := n.fetchOnce(ctx, hash, origin)
	giveUp := time.Now().Add(busyPatience)
	for wait := busyPause; errors.Is(err, ship.ErrBusy) && time.Now().Before(giveUp); wait = min(2*wait, maxBusyPause) {
		n.log.Debug("module transfer waits", "module", hash.Short(), "peer", from, "err", err)
		if !pause(ctx, wait/2+rand.N(wait)) {
			err = context.Cause(ctx)
			break
		}
		err = n.fetchOnce(ctx, hash, origin)
	}
	if err == nil {
		n.log.Info("module received", "module", hash.Short(), "peer", from)
		return nil
	}
	switch {
	case ctx.Err() == nil && n.mayLog(origin):
		n.log.Error("module transfer failed", "module", hash.Short(), "peer", from, "err", err)
	default: // nobody waits for it any more, or the node is gone, or it has failed very often
		n.log.Debug("module transfer given up", "module", hash.Short(), "peer", from, "err", err)
	}
	return fmt.Errorf("node %s: %w", from, err)
}

// How long a transfer waits for one that is busy with others, and how often it asks.
const (
	busyPatience = time.Minute
	busyPause    = 20 * time.Millisecond
	maxBusyPause = time.Second
)

// pause waits, and reports false when ctx ends first.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// fetchOnce asks a node for a module and takes it in.
func (n *Node) fetchOnce(ctx context.Context, hash abi.Hash, origin abi.NodeID) error {
	l := n.peers.linkTo(origin)
	if l == nil {
		return fmt.Errorf("fetch module %s: %w", hash.Short(), abi.ErrNotConnected)
	}
	stream, err := l.OpenModuleStream(ctx)
	if err != nil {
		return fmt.Errorf("fetch module %s: %w", hash.Short(), err)
	}
	return ship.Fetch(ctx, stream, hash, sink(n.store), ship.FetchOptions{
		MaxModuleBytes: n.opts.MaxModuleBytes,
		Progress:       func(done, total int64) { n.progress(WorkReceive, hash, done, total) },
	})
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
	err := h.node.ships.Serve(h.node.ctx, stream)
	if err == nil {
		return
	}
	level := slog.LevelWarn
	if h.node.peers.linkTo(h.link.Peer().Node) != h.link || h.node.peers.ctx.Err() != nil {
		level = slog.LevelDebug // one of the two nodes is leaving
	}
	if level == slog.LevelWarn && !h.node.mayLog(h.link.Peer().Node) {
		return
	}
	h.node.log.Log(h.node.ctx, level, "module not sent", "peer", h.link.Peer().Name, "err", err)
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
