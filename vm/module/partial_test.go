package module

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wnode/wnode/abi"
)

func resume(tb testing.TB, s *Store, hash abi.Hash, have int64) *Writer {
	tb.Helper()
	w, err := s.Resume(hash)
	if err != nil {
		tb.Fatal(err)
	}
	if w.Have() != have {
		tb.Fatalf("%d bytes are here, want %d", w.Have(), have)
	}
	return w
}

func begin(tb testing.TB, w *Writer, size, offset int64) {
	tb.Helper()
	if err := w.Begin(size, offset); err != nil {
		tb.Fatal(err)
	}
}

// suspended leaves the first n bytes of a module.
func suspended(tb testing.TB, s *Store, b []byte, n int) {
	tb.Helper()
	w := resume(tb, s, hashOf(b), 0)
	begin(tb, w, int64(len(b)), 0)
	write(tb, w, b[:n])
	w.Suspend()
}

func TestResume(t *testing.T) {
	both(t, Options{}, func(t *testing.T, s *Store) {
		b := content(1, 200_000)
		suspended(t, s, b, 50_000)
		w := resume(t, s, hashOf(b), 50_000)
		begin(t, w, 200_000, 50_000)
		write(t, w, b[50_000:120_000])
		w.Suspend()
		w.Suspend()
		wantMissing(t, s, b)
		w = resume(t, s, hashOf(b), 120_000)
		begin(t, w, 200_000, 120_000)
		write(t, w, b[120_000:])
		if err := w.Commit(); err != nil {
			t.Fatal(err)
		}
		wantHas(t, s, b)
		if s.pending != 0 || s.parts.bytes != 0 {
			t.Errorf("%d bytes pending, %d in parts", s.pending, s.parts.bytes)
		}
		resume(t, s, hashOf(b), 0).Suspend()
	})
}

// What does not lead to the module is thrown away, and the next transfer begins anew.
func TestResumeFalseContent(t *testing.T) {
	both(t, Options{}, func(t *testing.T, s *Store) {
		b, wrong := content(1, 1000), content(2, 1000)
		w := resume(t, s, hashOf(b), 0)
		begin(t, w, 1000, 0)
		write(t, w, wrong[:500])
		w.Suspend()
		w = resume(t, s, hashOf(b), 500)
		begin(t, w, 1000, 500)
		write(t, w, b[500:])
		if err := w.Commit(); !errors.Is(err, ErrCorrupt) {
			t.Errorf("commit: %v", err)
		}
		wantMissing(t, s, b)
		suspended(t, s, b, 700)
		w = resume(t, s, hashOf(b), 700)
		begin(t, w, 1000, 0)
		write(t, w, b)
		if err := w.Commit(); err != nil {
			t.Error(err)
		}
		wantHas(t, s, b)
	})
}

func TestResumeBounds(t *testing.T) {
	both(t, Options{MaxModuleBytes: 2000}, func(t *testing.T, s *Store) {
		b := content(1, 1000)
		for name, c := range map[string]struct {
			size, offset int64
			want         error
		}{
			"negative size":     {-1, 0, ErrTooLarge},
			"too large":         {2001, 0, ErrTooLarge},
			"smaller than here": {499, 500, ErrCorrupt},
			"negative offset":   {1000, -1, ErrCorrupt},
			"behind the end":    {1000, 501, ErrCorrupt},
			"before the end":    {1000, 499, ErrCorrupt},
		} {
			suspended(t, s, b, 500)
			w := resume(t, s, hashOf(b), 500)
			if _, err := w.Write([]byte{1}); !errors.Is(err, os.ErrClosed) {
				t.Errorf("%s: write before begin: %v", name, err)
			}
			if err := w.Begin(c.size, c.offset); !errors.Is(err, c.want) {
				t.Errorf("%s: %v", name, err)
			}
			if err := w.Commit(); !errors.Is(err, os.ErrClosed) {
				t.Errorf("%s: commit before begin: %v", name, err)
			}
			w.Abort()
			if s.pending != 0 {
				t.Errorf("%s: %d bytes pending", name, s.pending)
			}
		}
	})
}

// A program that was killed leaves its file, and another one goes on with it. While a writer lives nobody else has it.
func TestResumeSharedFolder(t *testing.T) {
	dir, b := t.TempDir(), content(1, 1000)
	one, two := newStore(t, Options{Dir: dir}), newStore(t, Options{Dir: dir})
	first := resume(t, one, hashOf(b), 0)
	begin(t, first, 1000, 0)
	write(t, first, b[:400])
	for _, s := range []*Store{one, two} {
		second := resume(t, s, hashOf(b), 0)
		begin(t, second, 1000, 0)
		write(t, second, b[:100])
		second.Suspend() // leaves nothing
	}
	_ = first.file.Close() // as the end of a program does
	third := resume(t, two, hashOf(b), 400)
	begin(t, third, 1000, 400)
	write(t, third, b[400:])
	if err := third.Commit(); err != nil {
		t.Fatal(err)
	}
	wantHas(t, one, b)
	if n, temps, _ := onDisk(t, dir); n != 1 || temps != 0 {
		t.Errorf("%d modules, %d other files", n, temps)
	}
}

// What is no file of the store's own is neither read nor written.
func TestResumeOddFiles(t *testing.T) {
	dir, b := t.TempDir(), content(1, 1000)
	s := newStore(t, Options{Dir: dir})
	victim := filepath.Join(t.TempDir(), "victim")
	if err := os.WriteFile(victim, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(victim, filepath.Join(dir, partialPrefix+hashOf(b).String())); err != nil {
		t.Fatal(err)
	}
	w := resume(t, s, hashOf(b), 0)
	begin(t, w, 1000, 0)
	write(t, w, b)
	if err := w.Commit(); err != nil {
		t.Error(err)
	}
	if got, err := os.ReadFile(victim); err != nil || string(got) != "mine" {
		t.Errorf("%q, %v", got, err)
	}
}

// What is left is bounded in number, bytes and age, and the newest stays.
func TestPartialsAreBounded(t *testing.T) {
	for name, c := range map[string]struct {
		size, left, stay int
	}{
		"number": {10, 30, maxPartials},
		"bytes":  {500, 10, 5}, // a quarter of 10,000
	} {
		t.Run(name, func(t *testing.T) {
			both(t, Options{MemoryBytes: 10_000, DiskBytes: 10_000, MaxModuleBytes: 1000}, func(t *testing.T, s *Store) {
				for i := range c.left {
					suspended(t, s, content(byte(i), 1000), c.size)
				}
				stay := 0
				for i := range c.left {
					w, err := s.Resume(hashOf(content(byte(i), 1000)))
					if err != nil {
						t.Fatal(err)
					}
					if w.Have() > 0 {
						stay++
					} else if i == c.left-1 {
						t.Error("the newest is gone")
					}
					w.Abort()
				}
				if stay > c.stay || stay < c.stay-1 {
					t.Errorf("%d stay, want %d", stay, c.stay)
				}
			})
		})
	}
}

func TestPartialsAge(t *testing.T) {
	b := content(1, 1000)
	synctest.Test(t, func(t *testing.T) {
		s, err := NewStore(Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		suspended(t, s, b, 500)
		time.Sleep(partialAge + time.Second)
		put(t, s, content(2, 10))
		resume(t, s, hashOf(b), 0).Abort()
	})
	dir := t.TempDir()
	s := newStore(t, Options{Dir: dir})
	suspended(t, s, b, 500)
	past := time.Now().Add(-2 * partialAge)
	if err := os.Chtimes(filepath.Join(dir, partialPrefix+hashOf(b).String()), past, past); err != nil {
		t.Fatal(err)
	}
	put(t, s, content(2, 10))
	if _, temps, _ := onDisk(t, dir); temps != 0 {
		t.Error("it is still there")
	}
}

// In memory, modules and what is left of others have one room.
func TestPartialsGiveWay(t *testing.T) {
	s := newStore(t, Options{MemoryBytes: 1000, MaxModuleBytes: 900})
	b := content(1, 300)
	suspended(t, s, b, 200)
	put(t, s, content(2, 700))
	resume(t, s, hashOf(b), 200).Suspend()
	put(t, s, content(3, 900))
	resume(t, s, hashOf(b), 0).Abort()
	if s.memory.bytes != 900 || s.parts.bytes != 0 {
		t.Errorf("%d bytes of modules, %d of parts", s.memory.bytes, s.parts.bytes)
	}
	if got, err := s.Get(hashOf(content(3, 900))); err != nil || !bytes.Equal(got, content(3, 900)) {
		t.Error(err)
	}
}
