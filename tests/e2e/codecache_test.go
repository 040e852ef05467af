//go:build linux

package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// Programs that compile the same modules at the same time, in a folder whose files are damaged meanwhile, all run them as
// they are.
func TestCodeCacheOfManyPrograms(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	compiled := filepath.Join(h.home, "cache", "wnode", "compiled")
	codes := func() []string {
		files, err := filepath.Glob(filepath.Join(compiled, "*", "*"))
		if err != nil {
			t.Error(err)
		}
		return files
	}
	var wg sync.WaitGroup
	for i := range 6 {
		wg.Go(func() {
			for range 3 {
				h.run(nodeArgs("run", []string{guest(t, "hello")})...).want(t, 0, "Hello from WebAssembly!\n", "")
				h.pipe([]byte("a\n"), nodeArgs("run", []string{guest(t, "upcase")})...).want(t, 0, "A\n", "")
				for _, file := range codes() {
					switch i {
					case 0:
						_ = os.Truncate(file, 5000) // it may be gone
					case 1:
						_ = os.Remove(file)
					}
				}
			}
		})
	}
	wg.Wait()
	h.run(nodeArgs("run", []string{guest(t, "hello")})...).want(t, 0, "Hello from WebAssembly!\n", "")
	h.pipe([]byte("a\n"), nodeArgs("run", []string{guest(t, "upcase")})...).want(t, 0, "A\n", "")
	if got := codes(); len(got) != 2 {
		t.Errorf("the folder has %v", got)
	}
	if top, err := os.ReadDir(compiled); err != nil || len(top) > 3 {
		t.Errorf("beside them there is %v, %v", top, err)
	}

	// A node does not run what others could have put there.
	if err := os.Chmod(compiled, 0o777); err != nil {
		t.Fatal(err)
	}
	r := h.run(nodeArgs("run", []string{"--log-level", "WARN", guest(t, "hello")})...)
	if r.code != 0 || strings.Count(r.stderr, "\n") != 1 || !strings.Contains(r.stderr, "may be written by others") {
		t.Errorf("%+v", r)
	}
	if r := h.run(nodeArgs("run", []string{"--code-cache", "1", guest(t, "hello")})...); r.code != 2 || !strings.Contains(r.stderr, "at least 1MiB") {
		t.Errorf("%+v", r)
	}
}
