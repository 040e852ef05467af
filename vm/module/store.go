package module

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/wnode/wnode/abi"
)

// Why a [Store] did not do what it was asked.
var (
	// ErrNotFound means that the store does not have the module. It is an [abi.ErrNoModule].
	ErrNotFound = fmt.Errorf("not in the store: %w", abi.ErrNoModule)
	// ErrTooLarge means that a module is larger than the store takes. It is an [abi.ErrTooLarge].
	ErrTooLarge = fmt.Errorf("module %w", abi.ErrTooLarge)
	// ErrCorrupt means that bytes are not those of the module that they were said to be.
	ErrCorrupt = errors.New("corrupt module")
	// ErrFull means that the modules that are just being written leave no room for another. It is an [abi.ErrLimit].
	ErrFull = fmt.Errorf("module store: too many modules at once: %w", abi.ErrLimit)
	// ErrClosed means that the store is closed.
	ErrClosed = errors.New("module store closed")
)

// The defaults of [Options].
const (
	DefaultMemoryBytes    = 64 << 20
	DefaultDiskBytes      = 1 << 30
	DefaultMaxModuleBytes = 64 << 20
)

// touchEvery is how old the mark of a module's last use may get before it is renewed on disk.
const touchEvery = time.Minute

// Options says where a [Store] keeps modules and how much of them. Negative sizes are errors.
type Options struct {
	// Dir is the folder on disk, made when it is missing. Other stores, in this process or
	// others, may use it at the same time. Empty means that modules are kept in memory only.
	Dir string
	// MemoryBytes bounds the modules kept in memory. 0 means DefaultMemoryBytes.
	MemoryBytes int64
	// DiskBytes bounds the modules kept in Dir. 0 means DefaultDiskBytes.
	DiskBytes int64
	// MaxModuleBytes is the largest module to take. 0 means DefaultMaxModuleBytes, or all the room
	// there is if that is less; more than the room there is is an error.
	MaxModuleBytes int64
	// Logger hears of damaged files and of failures to clear the folder up. nil means silence.
	Logger *slog.Logger
}

// room is where modules have to fit before any is evicted for good.
func (o Options) room() int64 {
	if o.Dir == "" {
		return o.MemoryBytes
	}
	return o.DiskBytes
}

func (o Options) withDefaults() (Options, error) {
	if o.MemoryBytes < 0 || o.DiskBytes < 0 || o.MaxModuleBytes < 0 {
		return o, errors.New("module store: negative size")
	}
	if o.MemoryBytes == 0 {
		o.MemoryBytes = DefaultMemoryBytes
	}
	if o.DiskBytes == 0 {
		o.DiskBytes = DefaultDiskBytes
	}
	if o.MaxModuleBytes == 0 {
		o.MaxModuleBytes = min(DefaultMaxModuleBytes, o.room())
	}
	if o.MaxModuleBytes > o.room() {
		return o, fmt.Errorf("module store: modules of %d bytes do not fit into %d", o.MaxModuleBytes, o.room())
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o, nil
}

// Store keeps modules by the SHA-256 of their bytes. What does not fit is forgotten, the least
// recently used first: a module that was here may be gone. All methods may be called concurrently.
type Store struct {
	opts Options
	disk *folder // nil when modules are kept in memory only

	// loading is held while a module is read from disk, so that many who want it read it once and
	// one such copy at a time is in the making. Order: loading -> mu.
	loading sync.Mutex

	mu      sync.Mutex // guards what follows
	memory  lru
	parts   parts // of modules that were on their way here
	pending int64 // the sizes of all open Writers
	flights map[abi.Hash]*flight
	closed  bool

	ctx    context.Context // ends with the store
	cancel context.CancelCauseFunc
	wg     sync.WaitGroup // the flights
}

// NewStore opens a store. It fails when the options contradict each other or the folder cannot be made.
// Close it after use.
func NewStore(o Options) (*Store, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &Store{opts: o, flights: make(map[abi.Hash]*flight)}
	if o.Dir != "" {
		s.disk = &folder{dir: o.Dir, extension: ".wasm", what: "modules", valid: isModule, log: o.Logger}
		if err = s.disk.open(); err != nil {
			return nil, fmt.Errorf("module store: %w", err)
		}
	}
	s.memory.init()
	s.parts.init()
	s.ctx, s.cancel = context.WithCancelCause(context.Background())
	return s, nil
}

// isModule reports whether bytes are those of the module of that name.
func isModule(hash abi.Hash, content []byte) bool { return abi.Hash(sha256.Sum256(content)) == hash }

// Close cancels all transfers of Fetch and waits until they have returned. It never fails, and
// closing twice is the same as once. Modules in memory can still be read.
func (s *Store) Close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.cancel(ErrClosed)
	s.wg.Wait()
}

// Put takes in a module and gives its name. b is copied. It does not ask what b is: see [Check].
// Errors: [ErrTooLarge], [ErrFull], and those of the disk.
func (s *Store) Put(b []byte) (abi.Hash, error) {
	hash := abi.Hash(sha256.Sum256(b))
	w, err := s.Create(hash, int64(len(b)))
	if err != nil {
		return hash, err
	}
	defer w.Abort()
	if _, err := w.Write(b); err != nil {
		return hash, err
	}
	if err := w.Commit(); err != nil {
		return hash, err
	}
	if s.disk != nil {
		s.remember(hash, bytes.Clone(b))
	}
	return hash, nil
}

// Get gives the bytes of a module, which are shared: nobody may write to them. What is read from
// disk is checked; a damaged file is removed, and the module is missing. Errors: [ErrNotFound],
// which is [ErrCorrupt] too for a damaged file, [ErrTooLarge] for a module that a store with a
// larger limit has put into the folder, and those of the disk.
func (s *Store) Get(hash abi.Hash) ([]byte, error) {
	if b := s.recall(hash); b != nil {
		return b, nil
	}
	if s.disk == nil {
		return nil, fmt.Errorf("module %s: %w", hash.Short(), ErrNotFound)
	}
	s.loading.Lock()
	defer s.loading.Unlock()
	if b := s.recall(hash); b != nil {
		return b, nil
	}
	b, err := s.disk.read(hash, s.opts.MaxModuleBytes)
	if err != nil {
		return nil, fmt.Errorf("module %s: %w", hash.Short(), err)
	}
	s.disk.touch(hash)
	s.remember(hash, b)
	return b, nil
}

// Open is [Store.Get] for those who want to read the module piece by piece; it gives the
// size in bytes too. Closing the reader does nothing.
func (s *Store) Open(hash abi.Hash) (content io.ReadSeekCloser, size int64, err error) {
	b, err := s.Get(hash)
	if err != nil {
		return nil, 0, err
	}
	return reading{bytes.NewReader(b)}, int64(len(b)), nil
}

// reading reads a module from memory.
type reading struct{ *bytes.Reader }

func (reading) Close() error { return nil }

// Has reports whether the module is here. It does not look into the file: only Get can tell whether it is damaged.
func (s *Store) Has(hash abi.Hash) bool {
	s.mu.Lock()
	e := s.memory.get(hash)
	s.mu.Unlock()
	return e != nil || s.disk != nil && s.disk.has(hash)
}

// recall looks in memory only. A module that is in use there is marked on disk as well from time to
// time, or else it would seem the oldest to all who share the folder.
func (s *Store) recall(hash abi.Hash) []byte {
	s.mu.Lock()
	e := s.memory.get(hash)
	stale := e != nil && time.Since(e.touched) > touchEvery
	if stale {
		e.touched = time.Now()
	}
	s.mu.Unlock()
	if e == nil {
		return nil
	}
	if stale && s.disk != nil {
		s.disk.touch(hash)
	}
	return e.content
}

func (s *Store) remember(hash abi.Hash, b []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.memory.put(hash, b, s.opts.MemoryBytes)
}

// reserve makes room for a module that is about to be written.
func (s *Store) reserve(size int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	if s.pending > s.opts.room()-size {
		return ErrFull
	}
	s.pending += size
	if s.disk == nil {
		s.parts.shrink(s.opts.room() - s.pending)
		s.memory.shrink(s.opts.room() - s.pending - s.parts.bytes)
	}
	return nil
}

// settle ends a Writer of the given size in a store without a disk.
func (s *Store) settle(hash abi.Hash, content []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pending -= int64(len(content))
	s.memory.put(hash, content, s.opts.room()-s.pending-s.parts.bytes)
}

// keep takes over what has arrived of a module, in a store without a disk.
func (s *Store) keep(hash abi.Hash, content []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.parts.put(hash, content)
	s.parts.shrink(min(s.opts.room()/partialShare, s.opts.room()-s.pending))
	s.memory.shrink(s.opts.room() - s.pending - s.parts.bytes)
}

func (s *Store) release(size int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pending -= size
}

// sweep evicts from disk what leaves no room for the open Writers, but not the module keep.
func (s *Store) sweep(keep abi.Hash) {
	s.mu.Lock()
	limit := s.opts.room() - s.pending
	s.mu.Unlock()
	s.disk.sweep(limit, keep)
}
