package module

import (
	"crypto/sha256"
	"fmt"
	"hash"
	"os"

	"github.com/wnode/wnode/abi"
)

// Writer takes in a module that arrives piece by piece. Nothing of it can be seen in the store before
// Commit. It is for one goroutine.
type Writer struct {
	store   *Store
	hash    abi.Hash
	size    int64 // announced
	written int64
	sum     hash.Hash
	file    *os.File // where there is a disk
	content []byte   // where there is none
	done    bool
}

// Create starts to take in the module with the given hash and size in bytes. The Writer has to be
// committed or aborted. Errors: [ErrTooLarge], [ErrFull], [ErrClosed], and those of the disk.
func (s *Store) Create(hash abi.Hash, size int64) (*Writer, error) {
	if size < 0 || size > s.opts.MaxModuleBytes {
		return nil, fmt.Errorf("%w: %d bytes, at most %d", ErrTooLarge, size, s.opts.MaxModuleBytes)
	}
	if err := s.reserve(size); err != nil {
		return nil, err
	}
	w := &Writer{store: s, hash: hash, size: size, sum: sha256.New()}
	if s.disk != nil {
		s.sweep(hash)
		f, err := s.disk.temp()
		if err != nil {
			s.release(size)
			return nil, fmt.Errorf("module %s: %w", hash.Short(), err)
		}
		w.file = f
	}
	return w, nil
}

// Write takes in the next piece; p is copied. More than was announced is [ErrCorrupt].
func (w *Writer) Write(p []byte) (int, error) {
	if w.done {
		return 0, fmt.Errorf("module %s: write: %w", w.hash.Short(), os.ErrClosed)
	}
	if int64(len(p)) > w.size-w.written {
		return 0, fmt.Errorf("module %s: %w: more than the %d bytes announced", w.hash.Short(), ErrCorrupt, w.size)
	}
	n := len(p)
	if w.file == nil {
		w.append(p)
	} else {
		var err error
		if n, err = w.file.Write(p); err != nil {
			return n, fmt.Errorf("module %s: %w", w.hash.Short(), err)
		}
	}
	w.sum.Write(p)
	w.written += int64(n)
	return n, nil
}

// append grows content no further than twice what has arrived, and to the exact size in the end.
func (w *Writer) append(p []byte) {
	if need := len(w.content) + len(p); need > cap(w.content) {
		grown := make([]byte, len(w.content), min(w.size, int64(max(need, 2*cap(w.content)))))
		copy(grown, w.content)
		w.content = grown
	}
	w.content = append(w.content, p...)
}

// Commit makes the module visible if it is the one that was announced, and is [ErrCorrupt] if it is
// not. The Writer is done in any case.
func (w *Writer) Commit() error {
	if w.done {
		return fmt.Errorf("module %s: commit: %w", w.hash.Short(), os.ErrClosed)
	}
	defer w.Abort()
	if w.written != w.size {
		return fmt.Errorf("module %s: %w: %d of %d bytes", w.hash.Short(), ErrCorrupt, w.written, w.size)
	}
	if got := abi.Hash(w.sum.Sum(nil)); got != w.hash {
		return fmt.Errorf("module %s: %w: its hash is %s", w.hash.Short(), ErrCorrupt, got.Short())
	}
	if w.file == nil {
		w.done = true
		w.store.settle(w.hash, w.content)
		return nil
	}
	if err := w.file.Close(); err != nil {
		return fmt.Errorf("module %s: %w", w.hash.Short(), err)
	}
	if err := w.store.disk.publish(w.file.Name(), w.hash, w.size); err != nil {
		return fmt.Errorf("module %s: %w", w.hash.Short(), err)
	}
	w.finish()
	w.store.sweep(w.hash)
	return nil
}

// Abort throws away what was written. After Commit, or once more, it does nothing, so it can be deferred.
func (w *Writer) Abort() {
	if w.done {
		return
	}
	if w.file != nil {
		_ = w.file.Close() // it may be closed already, and is to vanish
		if err := os.Remove(w.file.Name()); err != nil {
			w.store.opts.Logger.Warn("cannot remove a temporary file", "err", err)
		}
	}
	w.finish()
}

func (w *Writer) finish() {
	w.done = true
	w.store.release(w.size)
}
