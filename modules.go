package wnode

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"

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
	dir := ""
	if n.opts.CacheDir != "" {
		dir = filepath.Join(n.opts.CacheDir, cacheCompiled)
	}
	return guest.NewEngine(guest.Options{
		Modules: guestModules{n}, Names: n, Globals: guestGlobals{n}, Nodes: n, Logger: n.log, CacheDir: dir, CacheBytes: n.opts.CodeBytes,
		CompileWorkers: n.opts.CompileWorkers, Threads: n.opts.Threads,
		MaxModuleBytes: int(n.opts.MaxModuleBytes), Memory: n.memory,
		// A limit of all processes may be more than guests have without one.
		MemoryPages: max(guest.PagesFor(n.opts.Rights.Limits.Memory), guest.DefaultMemoryPages),
		Compiling:   func(hash abi.Hash, done, size int64) { n.progress(WorkCompile, hash, done, size) },
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
	return n.bring(ctx, hash, origin, n.fetch)
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

func (h handler) ModuleStream(stream io.ReadWriteCloser)   { h.serve(stream, ship.FormFixed) }
func (h handler) TransferStream(stream io.ReadWriteCloser) { h.serve(stream, ship.FormMaps) }

func (h handler) serve(stream io.ReadWriteCloser, form ship.Form) {
	peer := h.link.Peer()
	err := h.node.modules.Serve(h.node.ctx, stream, peer.Node, form)
	if err == nil {
		return
	}
	level := slog.LevelWarn
	if errors.Is(err, ship.ErrGaveWay) || h.node.peers.linkTo(peer.Node) != h.link || h.node.peers.ctx.Err() != nil {
		level = slog.LevelDebug // it will ask again, or one of the two nodes is leaving
	}
	if level == slog.LevelWarn && !h.node.mayLog(peer.Node) {
		return
	}
	h.node.log.Log(h.node.ctx, level, "module not sent", "peer", peer.Name, "err", err)
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
