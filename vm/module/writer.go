package module

import (
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
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
	partial bool     // file, or content, is what the next Writer of the module goes on with
	content []byte   // where there is none
	begun   bool     // the size is known, and room for it reserved
	done    bool
}

// Create starts to take in the module with the given hash and size in bytes. The Writer has to be
// committed or aborted. Errors: [ErrTooLarge], [ErrFull], [ErrClosed], and those of the disk.
func (s *Store) Create(hash abi.Hash, size int64) (*Writer, error) {
	w := &Writer{store: s, hash: hash, sum: sha256.New()}
	if err := w.Begin(size, 0); err != nil {
		w.Abort()
		return nil, err
	}
	return w, nil
}

// Resume starts to take in a module of which something may have arrived before, for a Writer that was
// suspended or whose program was killed: [Writer.Have] says how much. The Writer has to begin, and to be committed, suspended or aborted.
// While another Writer of the same module is at work, in this store or in another one of the same folder, this
// one has nothing and leaves nothing. Errors: those of the disk.
func (s *Store) Resume(hash abi.Hash) (*Writer, error) {
	w := &Writer{store: s, hash: hash, sum: sha256.New(), partial: true}
	if s.disk == nil {
		s.mu.Lock()
		w.content = s.parts.take(hash)
		s.mu.Unlock()
		w.sum.Write(w.content)
		w.written = int64(len(w.content))
		return w, nil
	}
	if w.file = s.disk.partial(hash); w.file == nil {
		w.partial = false
		return w, nil
	}
	var err error
	if w.written, err = io.Copy(w.sum, w.file); err != nil {
		w.Abort()
		return nil, fmt.Errorf("module %s: what has arrived before: %w", hash.Short(), err)
	}
	return w, nil
}

// Have is how many bytes of the module are here.
func (w *Writer) Have() int64 { return w.written }

// Begin tells the size of the module and where the next piece belongs, in bytes: behind what is here, or at 0,
// which throws that away. It is called once, before Write. Errors: [ErrTooLarge], [ErrFull], [ErrClosed], those of the disk, and
// [ErrCorrupt] for a place where nothing can be written.
func (w *Writer) Begin(size, offset int64) error {
	s := w.store
	if size < 0 || size > s.opts.MaxModuleBytes {
		return fmt.Errorf("%w: %d bytes, at most %d", ErrTooLarge, size, s.opts.MaxModuleBytes)
	}
	if offset != 0 && offset != w.written || offset > size {
		return fmt.Errorf("module %s: %w: goes on at %d of %d bytes, of which %d are here", w.hash.Short(), ErrCorrupt, offset, size, w.written)
	}
	if err := s.reserve(size); err != nil {
		return err
	}
	w.begun, w.size = true, size
	if err := w.openAt(offset); err != nil {
		return fmt.Errorf("module %s: %w", w.hash.Short(), err)
	}
	return nil
}

// openAt makes ready to write at an offset.
func (w *Writer) openAt(offset int64) (err error) {
	if offset != w.written {
		w.written, w.content = 0, nil
		w.sum.Reset()
	}
	if w.store.disk == nil {
		return nil
	}
	w.store.sweep(w.hash)
	if w.file == nil {
		w.file, err = w.store.disk.temp()
		return err
	}
	if err := w.file.Truncate(offset); err != nil {
		return err
	}
	_, err = w.file.Seek(offset, io.SeekStart)
	return err
}

// Write takes in the next piece; p is copied. More than was announced is [ErrCorrupt].
func (w *Writer) Write(p []byte) (int, error) {
	if w.done || !w.begun {
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
	if w.done || !w.begun {
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
	if err := w.publish(); err != nil {
		return fmt.Errorf("module %s: %w", w.hash.Short(), err)
	}
	w.finish()
	w.store.sweep(w.hash)
	return nil
}

// publish makes the file a module. A partial file stays locked until it has its name, or another writer could take it
// for what it is not any more.
func (w *Writer) publish() error {
	if !w.partial || !renamesOpen {
		if err := w.file.Close(); err != nil {
			return err
		}
		return w.store.disk.publish(w.file.Name(), w.hash, w.size)
	}
	if err := w.store.disk.publish(w.file.Name(), w.hash, w.size); err != nil {
		return err
	}
	return w.file.Close()
}

// Suspend ends the Writer and keeps what was written for the next one of the module, within bounds: of the store's
// room a quarter, of modules 16, and for a day. After Commit or Abort it does nothing.
func (w *Writer) Suspend() {
	if w.done || !w.partial || w.written == 0 {
		w.Abort()
		return
	}
	if w.file != nil {
		_ = w.file.Close() // what is missing on disk the hash will tell
		w.finish()
		w.store.sweep(w.hash)
		return
	}
	w.finish()
	w.store.keep(w.hash, w.content)
}

// Abort throws away what was written. After Commit, or once more, it does nothing, so it can be deferred.
func (w *Writer) Abort() {
	if w.done {
		return
	}
	if w.file != nil {
		w.store.disk.discard(w.file)
	}
	w.finish()
}

func (w *Writer) finish() {
	w.done = true
	if w.begun {
		w.store.release(w.size)
	}
}
