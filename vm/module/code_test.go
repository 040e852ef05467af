package module

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"pgregory.net/rapid"

	"github.com/wnode/wnode/abi"
)

func newCodeStore(tb testing.TB, dir string, limit int64) *CodeStore {
	tb.Helper()
	s, err := OpenCodeStore(CodeOptions{Dir: dir, DiskBytes: limit})
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func putCode(tb testing.TB, s *CodeStore, key byte, code []byte) {
	tb.Helper()
	if err := s.Put(abi.Hash{key}, bytes.NewReader(code)); err != nil {
		tb.Fatal(err)
	}
}

func wantCode(tb testing.TB, s *CodeStore, key byte, want []byte) {
	tb.Helper()
	if got := s.Get(abi.Hash{key}); !bytes.Equal(got, want) || (got == nil) != (want == nil) {
		tb.Errorf("code of %d: %d bytes, want %d", key, len(got), len(want))
	}
}

func TestCodeStore(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "folder")
	s := newCodeStore(t, dir, 0)
	wantCode(t, s, 1, nil)
	putCode(t, s, 1, content(1, 5000))
	putCode(t, s, 2, []byte{})
	wantCode(t, newCodeStore(t, dir, 0), 1, content(1, 5000))
	wantCode(t, s, 2, []byte{})
	putCode(t, s, 1, content(3, 10))
	wantCode(t, s, 1, content(3, 10))
	s.Delete(abi.Hash{1})
	s.Delete(abi.Hash{1})
	wantCode(t, s, 1, nil)
	if err := os.RemoveAll(dir); err != nil { // people clear their caches while programs run
		t.Fatal(err)
	}
	wantCode(t, s, 2, nil)
	putCode(t, s, 2, content(2, 10))
	wantCode(t, s, 2, content(2, 10))
}

// Nothing but what was put under a key is ever given out for it.
func TestCodeStoreDamage(t *testing.T) {
	code := content(1, 5000)
	change := func(path string, how func(file []byte) []byte) error {
		file, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(path, how(file), 0o600)
	}
	flip := func(at int) func(string) error {
		return func(path string) error {
			return change(path, func(file []byte) []byte { file[at] ^= 4; return file })
		}
	}
	for name, damage := range map[string]func(path string) error{
		"emptied":           func(path string) error { return os.Truncate(path, 0) },
		"cut":               func(path string) error { return os.Truncate(path, 4000) },
		"cut in the header": func(path string) error { return os.Truncate(path, 20) },
		"only a header":     func(path string) error { return os.Truncate(path, int64(codeHeader)) },
		"extended":          func(path string) error { return os.Truncate(path, 6000) },
		"other kind":        flip(0),
		"other checksum":    flip(len(codeMagic)),
		"a bit of the code": flip(codeHeader + 3000),
		"zeroed":            func(path string) error { return change(path, func(b []byte) []byte { return make([]byte, len(b)) }) },
		"a foreign file":    func(path string) error { return os.WriteFile(path, []byte("notes"), 0o600) },
		"another key's code": func(path string) error {
			return os.Rename(filepath.Join(filepath.Dir(path), "..", "02", other+".code"), path)
		},
		"a folder":            func(path string) error { return errors.Join(os.Remove(path), os.Mkdir(path, 0o700)) },
		"a link to somewhere": func(path string) error { return errors.Join(os.Remove(path), os.Symlink("/dev/zero", path)) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newCodeStore(t, t.TempDir(), 0)
			putCode(t, s, 1, code)
			putCode(t, s, 2, code)
			path := s.disk.path(abi.Hash{1})
			if err := damage(path); err != nil {
				t.Fatal(err)
			}
			wantCode(t, s, 1, nil)
			err := s.Put(abi.Hash{1}, bytes.NewReader(code))
			if name == "a folder" { // which is in the way, and is not ours to remove
				if err == nil {
					t.Error("there is a folder, and no error")
				}
				wantCode(t, s, 1, nil)
				return
			}
			if err != nil {
				t.Error(err)
			}
			wantCode(t, s, 1, code)
		})
	}
}

// other is the name of the key 2.
var other = abi.Hash{2}.String()

// Code that others may have written is not run: neither where the folder is theirs, nor a file.
func TestCodeStoreOfOthers(t *testing.T) {
	if runtime.GOOS == "windows" {
		return // where files have no modes
	}
	for _, mode := range []os.FileMode{0o777, 0o770, 0o720, 0o702, 0o777 | os.ModeSticky} {
		dir := filepath.Join(t.TempDir(), "code")
		newCodeStore(t, dir, 0)
		if err := os.Chmod(dir, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenCodeStore(CodeOptions{Dir: dir}); !errors.Is(err, ErrOthersWrite) || !strings.Contains(err.Error(), dir) {
			t.Errorf("mode %v: %v", mode, err)
		}
	}
	s := newCodeStore(t, t.TempDir(), 0)
	putCode(t, s, 1, content(1, 10))
	for mode, safe := range map[os.FileMode]bool{0o644: true, 0o400: true, 0o620: false, 0o602: false, 0o666: false} {
		if err := os.Chmod(s.disk.path(abi.Hash{1}), mode); err != nil {
			t.Fatal(err)
		}
		if got := s.Get(abi.Hash{1}); (got != nil) != safe {
			t.Errorf("mode %v: %d bytes", mode, len(got))
		}
	}
}

// What fails half-way leaves nothing behind, and what was there before.
func TestCodeStoreFails(t *testing.T) {
	dir := t.TempDir()
	s := newCodeStore(t, dir, 1000)
	putCode(t, s, 1, content(1, 10))
	full := errors.New("disk full")
	if err := s.Put(abi.Hash{1}, io.MultiReader(bytes.NewReader(content(2, 100)), iotest.ErrReader(full))); !errors.Is(err, full) {
		t.Errorf("got %v", err)
	}
	if err := s.Put(abi.Hash{1}, bytes.NewReader(content(2, 2000))); !errors.Is(err, ErrTooLarge) {
		t.Errorf("got %v", err)
	}
	wantCode(t, s, 1, content(1, 10))
	if left, err := filepath.Glob(filepath.Join(dir, tempPrefix+"*")); err != nil || len(left) > 0 {
		t.Errorf("%v, %v", left, err)
	}
	if _, err := OpenCodeStore(CodeOptions{Dir: dir, DiskBytes: -1}); err == nil {
		t.Error("a negative size")
	}
	if _, err := OpenCodeStore(CodeOptions{Dir: s.disk.path(abi.Hash{1})}); err == nil {
		t.Error("a folder that is a file")
	}
}

// What was not used for longest goes first, whoever has put it there.
func TestCodeStoreEvicts(t *testing.T) {
	dir := t.TempDir()
	const size = 1000
	s := newCodeStore(t, dir, 5*size+size/2)
	for key := range byte(5) {
		putCode(t, s, key, content(key, size-codeHeader))
		old := time.Now().Add(time.Duration(int(key)-100) * time.Hour)
		if err := os.Chtimes(s.disk.path(abi.Hash{key}), old, old); err != nil {
			t.Fatal(err)
		}
	}
	wantCode(t, s, 0, content(0, size-codeHeader))
	putCode(t, newCodeStore(t, dir, 5*size+size/2), 5, content(5, size-codeHeader))
	for key := range byte(6) {
		want := content(key, size-codeHeader)
		if key == 1 {
			want = nil
		}
		wantCode(t, s, key, want)
	}
}

// However many stores put code into one folder, it has no more than it may and a sixteenth for each.
func TestCodeStoreIsBounded(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp(t.TempDir(), "")
		if err != nil {
			rt.Fatal(err)
		}
		const limit = 16_000
		stores := []*CodeStore{newCodeStore(t, dir, limit), newCodeStore(t, dir, limit), newCodeStore(t, dir, limit)}
		for range rapid.IntRange(1, 60).Draw(rt, "puts") {
			s := rapid.SampledFrom(stores).Draw(rt, "store")
			key, size := rapid.Byte().Draw(rt, "key"), rapid.IntRange(0, 900).Draw(rt, "size")
			putCode(t, s, key, content(key, size))
			wantCode(t, s, key, content(key, size))
		}
		total := int64(0)
		files, _, err := stores[0].disk.list()
		for _, f := range files {
			total += f.size
		}
		if most := int64(limit + len(stores)*(limit/16+1000)); err != nil || total > most {
			rt.Fatalf("%d bytes, at most %d, %v", total, most, err)
		}
	})
}

// Readers and writers of one key, and who removes it, never see half of a file.
func TestCodeStoreAtOnce(t *testing.T) {
	dir := t.TempDir()
	codes := [][]byte{content(1, 3000), content(2, 50_000)}
	var wg sync.WaitGroup
	for i := range 6 {
		wg.Go(func() {
			s := newCodeStore(t, dir, 1<<20)
			for range 30 {
				switch i % 3 {
				case 0:
					if err := s.Put(abi.Hash{1}, bytes.NewReader(codes[i/3])); err != nil {
						t.Error(err)
					}
				case 1:
					if got := s.Get(abi.Hash{1}); got != nil && !bytes.Equal(got, codes[0]) && !bytes.Equal(got, codes[1]) {
						t.Errorf("%d bytes that nobody put", len(got))
					}
				default:
					s.Delete(abi.Hash{1})
				}
			}
		})
	}
	wg.Wait()
	if left, err := filepath.Glob(filepath.Join(dir, tempPrefix+"*")); err != nil || len(left) > 0 {
		t.Errorf("%v, %v", left, err)
	}
}

// A file is believed only when it is one that was put under the key.
func FuzzCodeFile(f *testing.F) {
	s := newCodeStore(f, f.TempDir(), 0)
	putCode(f, s, 1, []byte("code"))
	file, err := os.ReadFile(s.disk.path(abi.Hash{1}))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(file)
	f.Add(file[:len(file)-1])
	f.Add([]byte(codeMagic))
	f.Fuzz(func(t *testing.T, b []byte) {
		if isCode(abi.Hash{2}, b) || isCode(abi.Hash{1}, b) && !bytes.Equal(b, file) {
			t.Errorf("%q is believed", b)
		}
	})
}
