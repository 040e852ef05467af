package module

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/wnode/wnode/abi"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newStore(tb testing.TB, o Options) *Store {
	tb.Helper()
	s, err := NewStore(o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(s.Close)
	return s
}

// content gives n bytes, different ones for each seed.
func content(seed byte, n int) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{seed})
	r.Read(b)
	return b
}

func hashOf(b []byte) abi.Hash { return sha256.Sum256(b) }

func put(tb testing.TB, s *Store, b []byte) abi.Hash {
	tb.Helper()
	hash, err := s.Put(b)
	if err != nil || hash != hashOf(b) {
		tb.Fatalf("put: %s, %v", hash, err)
	}
	return hash
}

func wantHas(tb testing.TB, s *Store, b []byte) {
	tb.Helper()
	got, err := s.Get(hashOf(b))
	if err != nil || !bytes.Equal(got, b) || !s.Has(hashOf(b)) {
		tb.Errorf("module %s: %d bytes, %v", hashOf(b).Short(), len(got), err)
	}
}

func wantMissing(tb testing.TB, s *Store, b []byte) {
	tb.Helper()
	if got, err := s.Get(hashOf(b)); !errors.Is(err, ErrNotFound) || got != nil || s.Has(hashOf(b)) {
		tb.Errorf("module %s is there: %v", hashOf(b).Short(), err)
	}
}

// onDisk counts what is in a folder.
func onDisk(tb testing.TB, dir string) (modules, temps int, size int64) {
	tb.Helper()
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		if filepath.Ext(path) != ".wasm" {
			temps++
			return nil
		}
		modules++
		info, err := e.Info()
		if err == nil {
			size += info.Size()
		}
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
	return modules, temps, size
}

func TestStore(t *testing.T) {
	for name, o := range map[string]Options{"memory": {}, "disk": {Dir: filepath.Join(t.TempDir(), "made", "here")}} {
		t.Run(name, func(t *testing.T) {
			s := newStore(t, o)
			for _, b := range [][]byte{{}, {1}, content(1, 1<<20)} {
				wantMissing(t, s, b)
				put(t, s, b)
				wantHas(t, s, b)
				put(t, s, b)
				wantHas(t, s, b)
			}
			if s.pending != 0 {
				t.Errorf("%d bytes still pending", s.pending)
			}
		})
	}
}

func TestStoreCopies(t *testing.T) {
	s := newStore(t, Options{})
	b := content(1, 100)
	hash := put(t, s, b)
	b[0] ^= 1
	if got, err := s.Get(hash); err != nil || hashOf(got) != hash {
		t.Errorf("the caller's change is seen: %v", err)
	}
}

func TestStoreOpen(t *testing.T) {
	s := newStore(t, Options{})
	b := content(1, 1000)
	hash := put(t, s, b)
	r, size, err := s.Open(hash)
	if err != nil || size != 1000 {
		t.Fatal(size, err)
	}
	if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, b) {
		t.Error(err)
	}
	if _, _, err := s.Open(abi.Hash{}); !errors.Is(err, abi.ErrNoModule) {
		t.Error(err)
	}
}

func TestOptions(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, o := range map[string]Options{
		"negative memory":        {MemoryBytes: -1},
		"negative disk":          {DiskBytes: -1},
		"negative module":        {MaxModuleBytes: -1},
		"module beyond memory":   {MemoryBytes: 10, MaxModuleBytes: 11},
		"module beyond disk":     {Dir: t.TempDir(), DiskBytes: 10, MaxModuleBytes: 11},
		"the folder is a file":   {Dir: file},
		"the folder cannot be":   {Dir: filepath.Join(file, "below")},
		"module beyond defaults": {MaxModuleBytes: DefaultMemoryBytes + 1},
	} {
		if s, err := NewStore(o); err == nil {
			s.Close()
			t.Errorf("%s: no error", name)
		}
	}
	s := newStore(t, Options{MemoryBytes: 10})
	if _, err := s.Put(make([]byte, 11)); !errors.Is(err, ErrTooLarge) || !errors.Is(err, abi.ErrTooLarge) {
		t.Errorf("11 bytes into 10: %v", err)
	}
	put(t, s, make([]byte, 10))
}

func TestStoreSurvivesRestart(t *testing.T) {
	dir, b := t.TempDir(), content(1, 5000)
	put(t, newStore(t, Options{Dir: dir}), b)
	wantHas(t, newStore(t, Options{Dir: dir}), b)
	path := filepath.Join(dir, hashOf(b).String()[:2], hashOf(b).String()+".wasm")
	if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, b) {
		t.Errorf("%s: %v", path, err)
	}
}

// A damaged file is never given out: it is removed and the module is missing, to be fetched again.
func TestStoreCorruption(t *testing.T) {
	b := content(1, 5000)
	for name, damage := range map[string]func(path string) error{
		"bit flipped": func(path string) error {
			bad := bytes.Clone(b)
			bad[4000] ^= 0x10
			return os.WriteFile(path, bad, 0o600)
		},
		"cut":      func(path string) error { return os.Truncate(path, 4999) },
		"emptied":  func(path string) error { return os.Truncate(path, 0) },
		"extended": func(path string) error { return os.Truncate(path, 5001) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			hash := put(t, newStore(t, Options{Dir: dir}), b)
			s := newStore(t, Options{Dir: dir})
			if err := damage(s.disk.path(hash)); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Get(hash); !errors.Is(err, ErrNotFound) || !errors.Is(err, ErrCorrupt) {
				t.Errorf("get: %v", err)
			}
			wantMissing(t, s, b)
			if n, _, _ := onDisk(t, dir); n != 0 {
				t.Error("the file is still there")
			}
			put(t, s, b)
			wantHas(t, s, b)
		})
	}
}

func TestStoreOddFiles(t *testing.T) {
	dir, b := t.TempDir(), content(1, 50)
	s := newStore(t, Options{Dir: dir, MaxModuleBytes: 60})
	path := s.disk.path(hashOf(b))
	if err := os.MkdirAll(path, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Get(hashOf(b)); err == nil || s.Has(hashOf(b)) {
		t.Errorf("a folder is no module: %v", err)
	}
	large := content(2, 100)
	put(t, newStore(t, Options{Dir: dir}), large)
	if _, err := s.Get(hashOf(large)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("a module of a store with a larger limit: %v", err)
	}
}

// People clear their caches while programs run.
func TestStoreFolderVanishes(t *testing.T) {
	dir, b := filepath.Join(t.TempDir(), "cache"), content(1, 50)
	s := newStore(t, Options{Dir: dir, MemoryBytes: 1})
	put(t, s, b)
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	wantMissing(t, s, b)
	put(t, s, b)
	wantHas(t, s, b)
}

func TestMemoryEviction(t *testing.T) {
	s := newStore(t, Options{MemoryBytes: 300})
	a, b, c, d := content(1, 100), content(2, 100), content(3, 100), content(4, 150)
	for _, m := range [][]byte{a, b, c} {
		put(t, s, m)
	}
	wantHas(t, s, a)
	put(t, s, d)
	wantMissing(t, s, b)
	wantMissing(t, s, c)
	wantHas(t, s, a)
	wantHas(t, s, d)
	if s.memory.bytes != 250 {
		t.Errorf("%d bytes counted", s.memory.bytes)
	}
}

// What is evicted from memory is read from disk again, and only there is it gone for good.
func TestDiskEviction(t *testing.T) {
	dir := t.TempDir()
	s := newStore(t, Options{Dir: dir, MemoryBytes: 100, DiskBytes: 300})
	var modules [][]byte
	for seed := range byte(3) {
		modules = append(modules, content(seed, 100))
		put(t, s, modules[seed])
	}
	stranger := filepath.Join(dir, "aa", "notes.txt")
	if err := os.MkdirAll(filepath.Dir(stranger), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(stranger, make([]byte, 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	wantHas(t, s, modules[0]) // now modules[1] is the oldest
	put(t, s, content(9, 100))
	wantMissing(t, s, modules[1])
	wantHas(t, s, modules[0])
	wantHas(t, s, modules[2])
	if _, err := os.Stat(stranger); err != nil {
		t.Errorf("a file of somebody else: %v", err)
	}
}

// A module in use in memory does not look unused on disk.
func TestDiskEvictionSparesModulesInMemory(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s, err := NewStore(Options{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		hash := put(t, s, content(1, 10))
		time.Sleep(2 * touchEvery)
		if _, err := s.Get(hash); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(s.disk.path(hash))
		if err != nil || !info.ModTime().Equal(time.Now()) {
			t.Errorf("last used %v, now is %v, %v", info.ModTime(), time.Now(), err)
		}
	})
}

func TestAbandonedFilesAreRemoved(t *testing.T) {
	dir := t.TempDir()
	old, young := filepath.Join(dir, tempPrefix+"1"), filepath.Join(dir, tempPrefix+"2")
	for _, path := range []string{old, young} {
		if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	past := time.Now().Add(-2 * abandonedAfter)
	if err := os.Chtimes(old, past, past); err != nil {
		t.Fatal(err)
	}
	put(t, newStore(t, Options{Dir: dir}), []byte("m"))
	if _, err := os.Stat(old); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("abandoned file: %v", err)
	}
	if _, err := os.Stat(young); err != nil {
		t.Errorf("file of a transfer that goes on: %v", err)
	}
}

// Two stores put, read and evict in one folder at once; nobody ever sees a wrong module.
func TestTwoStoresOneFolder(t *testing.T) {
	dir := t.TempDir()
	o := Options{Dir: dir, MemoryBytes: 1500, DiskBytes: 8000, MaxModuleBytes: 1000}
	stores := []*Store{newStore(t, o), newStore(t, o)}
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(1, uint64(worker)))
			s := stores[worker%2]
			for range 150 {
				b := content(byte(r.IntN(16)), 1000)
				if r.IntN(2) == 0 {
					if _, err := s.Put(b); err != nil {
						t.Error(err)
					}
					continue
				}
				got, err := s.Get(hashOf(b))
				if err == nil && !bytes.Equal(got, b) || err != nil && !errors.Is(err, ErrNotFound) || errors.Is(err, ErrCorrupt) {
					t.Errorf("%d bytes, %v", len(got), err)
				}
			}
		})
	}
	wg.Wait()
	put(t, stores[0], content(99, 1000))
	modules, temps, size := onDisk(t, dir)
	if temps != 0 || size > o.DiskBytes || modules == 0 {
		t.Errorf("%d modules of %d bytes and %d temporary files", modules, size, temps)
	}
}
