package module

import (
	"errors"
	"os"
	"testing"

	"github.com/wnode/wnode/abi"
)

// both runs a test on a store with and one without a disk.
func both(t *testing.T, o Options, test func(t *testing.T, s *Store)) {
	t.Run("memory", func(t *testing.T) { test(t, newStore(t, o)) })
	t.Run("disk", func(t *testing.T) {
		o.Dir = t.TempDir()
		s := newStore(t, o)
		test(t, s)
		if _, temps, _ := onDisk(t, o.Dir); temps != 0 {
			t.Errorf("%d temporary files left", temps)
		}
	})
}

func create(tb testing.TB, s *Store, hash abi.Hash, size int64) *Writer {
	tb.Helper()
	w, err := s.Create(hash, size)
	if err != nil {
		tb.Fatal(err)
	}
	return w
}

func write(tb testing.TB, w *Writer, b []byte) {
	tb.Helper()
	if n, err := w.Write(b); n != len(b) || err != nil {
		tb.Fatalf("wrote %d of %d bytes: %v", n, len(b), err)
	}
}

func TestWriter(t *testing.T) {
	both(t, Options{}, func(t *testing.T, s *Store) {
		b := content(1, 200_000)
		w := create(t, s, hashOf(b), int64(len(b)))
		for rest := b; len(rest) > 0; rest = rest[min(len(rest), 777):] {
			wantMissing(t, s, b)
			write(t, w, rest[:min(len(rest), 777)])
		}
		wantMissing(t, s, b)
		if err := w.Commit(); err != nil {
			t.Fatal(err)
		}
		w.Abort()
		wantHas(t, s, b)
		if _, err := w.Write([]byte{1}); !errors.Is(err, os.ErrClosed) {
			t.Errorf("write after commit: %v", err)
		}
		if err := w.Commit(); !errors.Is(err, os.ErrClosed) {
			t.Errorf("commit after commit: %v", err)
		}
		if s.pending != 0 {
			t.Errorf("%d bytes pending", s.pending)
		}
	})
}

func TestWriterRefusesFalseContent(t *testing.T) {
	b := content(1, 1000)
	for name, c := range map[string]struct {
		size int64
		in   []byte
	}{
		"nothing":        {1000, nil},
		"too little":     {1000, b[:999]},
		"another module": {1000, content(2, 1000)},
		"other size":     {999, b[:999]},
	} {
		t.Run(name, func(t *testing.T) {
			both(t, Options{}, func(t *testing.T, s *Store) {
				w := create(t, s, hashOf(b), c.size)
				write(t, w, c.in)
				if err := w.Commit(); !errors.Is(err, ErrCorrupt) {
					t.Errorf("commit: %v", err)
				}
				wantMissing(t, s, b)
				if s.pending != 0 {
					t.Errorf("%d bytes pending", s.pending)
				}
			})
		})
	}
}

func TestWriterRefusesTooMuch(t *testing.T) {
	both(t, Options{}, func(t *testing.T, s *Store) {
		b := content(1, 1000)
		w := create(t, s, hashOf(b), 1000)
		write(t, w, b[:500])
		if n, err := w.Write(b[:501]); n != 0 || !errors.Is(err, ErrCorrupt) {
			t.Errorf("wrote %d bytes, %v", n, err)
		}
		w.Abort()
		w.Abort()
		wantMissing(t, s, b)
	})
}

// A partial write leaves nothing that another store could take for a module.
func TestWriterAbandoned(t *testing.T) {
	dir, b := t.TempDir(), content(1, 1000)
	w := create(t, newStore(t, Options{Dir: dir}), hashOf(b), 1000)
	write(t, w, b[:500])
	other := newStore(t, Options{Dir: dir})
	wantMissing(t, other, b)
	put(t, other, b)
	wantHas(t, other, b)
	w.Abort()
	wantHas(t, newStore(t, Options{Dir: dir}), b)
}

func TestCreateBounds(t *testing.T) {
	both(t, Options{MemoryBytes: 1000, DiskBytes: 1000, MaxModuleBytes: 600}, func(t *testing.T, s *Store) {
		for _, size := range []int64{-1, 601, 1 << 62} {
			if _, err := s.Create(abi.Hash{}, size); !errors.Is(err, ErrTooLarge) {
				t.Errorf("%d bytes: %v", size, err)
			}
		}
		kept := content(1, 300)
		put(t, s, kept)
		w := create(t, s, abi.Hash{1}, 600)
		wantHas(t, s, kept)
		// Modules on their way count before a byte of them is here.
		if _, err := s.Create(abi.Hash{2}, 401); !errors.Is(err, ErrFull) || !errors.Is(err, abi.ErrLimit) {
			t.Errorf("one module too many: %v", err)
		}
		other := create(t, s, abi.Hash{2}, 400)
		if s.disk == nil {
			wantMissing(t, s, kept)
		}
		other.Abort()
		w.Abort()
		if s.pending != 0 {
			t.Errorf("%d bytes pending", s.pending)
		}
		s.Close()
		if _, err := s.Create(abi.Hash{}, 1); !errors.Is(err, ErrClosed) {
			t.Errorf("create on a closed store: %v", err)
		}
	})
}
