package guest

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// cached runs a module on a node of its own with a cache, and gives the log.
func cached(t *testing.T, dir string) string {
	t.Helper()
	var log bytes.Buffer
	n := newTestNode(t, func(o *Options) {
		o.CacheDir, o.Logger = dir, slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn}))
	})
	wantReason(t, n.start(entry(i32c(4), drop).Bytes()).wait(), "normal")
	n.close()
	return log.String()
}

// codeFile gives the one file of compiled code in a folder.
func codeFile(t *testing.T, dir string) (path string, info os.FileInfo) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*", "*.code"))
	if err != nil || len(files) != 1 {
		t.Fatalf("files %v, %v", files, err)
	}
	if info, err = os.Lstat(files[0]); err != nil {
		t.Fatal(err)
	}
	return files[0], info
}

// Code is compiled once for all nodes that share a folder, and the folder has nothing else.
func TestCacheDir(t *testing.T) {
	dir := t.TempDir()
	if log := cached(t, dir); log != "" {
		t.Error(log)
	}
	path, first := codeFile(t, dir)
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(path, old, old); err != nil {
		t.Fatal(err)
	}
	if log := cached(t, dir); log != "" {
		t.Error(log)
	}
	if _, again := codeFile(t, dir); !os.SameFile(first, again) || !again.ModTime().After(old) {
		t.Error("it was compiled again, or its use was not marked")
	}
	if all, err := os.ReadDir(dir); err != nil || len(all) != 1 {
		t.Errorf("the folder has %v, %v", all, err)
	}
}

// Whatever has become of the files, modules run as they are, and what is damaged is replaced.
func TestDamagedCode(t *testing.T) {
	for name, damage := range map[string]func(path string, file []byte) error{
		"emptied":    func(path string, _ []byte) error { return os.Truncate(path, 0) },
		"cut":        func(path string, file []byte) error { return os.Truncate(path, int64(len(file)-1)) },
		"in the way": func(path string, _ []byte) error { return os.WriteFile(path, []byte("#!/bin/sh"), 0o700) },
		"offset of a function": func(path string, file []byte) error {
			at := bytes.Index(file, []byte("WAZEVO")) + 20 // which the runtime's own checksum does not cover
			file[at] ^= 0x40
			return os.WriteFile(path, file, 0o600)
		},
		"code": func(path string, file []byte) error {
			file[len(file)/2] ^= 1
			return os.WriteFile(path, file, 0o600)
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			cached(t, dir)
			path, _ := codeFile(t, dir)
			sound, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := damage(path, bytes.Clone(sound)); err != nil {
				t.Fatal(err)
			}
			if log := cached(t, dir); strings.Count(log, "damaged file") != 1 {
				t.Errorf("log %q", log)
			}
			if again, err := os.ReadFile(path); err != nil || len(again) != len(sound) {
				t.Errorf("%d bytes, %v, want %d", len(again), err, len(sound))
			}
		})
	}
}

// A folder that cannot be used, or that others may write to, is told once, and modules run.
func TestUnusableCodeFolder(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	open := t.TempDir()
	if err := os.Chmod(open, 0o777); err != nil {
		t.Fatal(err)
	}
	vanishes := filepath.Join(t.TempDir(), "vanishes")
	for name, tt := range map[string]struct{ dir, log string }{
		"a file":         {file, "not a directory"},
		"others' folder": {open, "may be written by others"},
		"one to be made": {vanishes, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if log := cached(t, tt.dir); tt.log == "" && log != "" || !strings.Contains(log, tt.log) || strings.Count(log, "\n") > 1 {
				t.Errorf("log %q", log)
			}
		})
	}
	if left, err := os.ReadDir(open); err != nil || len(left) > 0 {
		t.Errorf("the folder has %v, %v", left, err)
	}
}

// bulky is a module that is worth a file what it was rewritten to.
func bulky() []byte {
	m := entry(i32c(4), drop)
	for range 8 {
		m.Write(64, strings.Repeat("x", keepRewritten/8))
	}
	return m.Bytes()
}

// A large module is rewritten once for all nodes that share a folder, and again when what was kept of that is damaged.
func TestRewrittenOnce(t *testing.T) {
	dir := t.TempDir()
	run := func() (rewritten int, log string) {
		var lines bytes.Buffer
		n := newTestNode(t, func(o *Options) {
			o.CacheDir, o.Logger = dir, slog.New(slog.NewTextHandler(&lines, &slog.HandlerOptions{Level: slog.LevelWarn}))
		})
		wantReason(t, n.start(bulky()).wait(), "normal")
		key := rewrittenKey(bulky(), n.engine.rewriteOptions())
		kept := n.engine.onDisk.store.Get(key)
		if kept == nil {
			t.Fatal("nothing was kept")
		}
		n.engine.onDisk.store.Delete(key)
		if err := n.engine.onDisk.store.Put(key, bytes.NewReader([]byte("not it"))); err != nil {
			t.Fatal(err)
		}
		n.close()
		return len(kept), lines.String()
	}
	if size, log := run(); size < keepRewritten || log != "" {
		t.Errorf("%d bytes, log %q", size, log)
	}
	if size, log := run(); size < keepRewritten || strings.Count(log, "not a rewritten module") != 1 {
		t.Errorf("after damage: %d bytes, log %q", size, log)
	}
}
