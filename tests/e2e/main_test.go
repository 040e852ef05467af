//go:build linux

package e2e

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/wnode/wnode/internal/goguest"
	"github.com/wnode/wnode/internal/programtest"
)

// patience is how long anything that should happen may take. Only failures last that long.
const patience = programtest.Patience

// wnodePath is the program that is tested. It is built once, with the race detector if these tests
// have it.
var wnodePath string

// parallel is how many tests run at a time unless -parallel says otherwise: most of the time they wait.
const parallel = "8"

func TestMain(m *testing.M) {
	if err := flag.Set("test.parallel", parallel); err != nil { // before the command line is read
		panic(err)
	}
	os.Exit(runTests(m))
}

func runTests(m *testing.M) int {
	dir, err := os.MkdirTemp("", "wnode-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil { // some tests run the program as another user
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if wnodePath, err = programtest.Build(root, dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// root is the root of the repository.
const root = "../.."

// example gives the folder of an example guest.
func example(t *testing.T, name string) string {
	t.Helper()
	dir, err := filepath.Abs(filepath.Join(root, "examples", "wasm", name))
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// guest gives the path of an example guest that is committed as a module.
func guest(t *testing.T, name string) string {
	t.Helper()
	return filepath.Join(example(t, name), name+".wasm")
}

// goGuests are the guests in Go, which are built for these tests.
var goGuests struct {
	sync.Mutex
	builder *goguest.Builder
	modules map[string][]byte
}

// tickerModule puts ticker.wasm into a folder.
func (h *host) tickerModule(dir string) { h.goModule(dir, "ticker", "./examples/wasm/ticker", "none") }

// goModule puts a guest in Go into a folder, and gives the host a cache with its compiled code. It has
// to end by itself when it is run with argument.
func (h *host) goModule(dir, name, source, argument string) {
	h.t.Helper()
	module, cache, err := buildGo(name, source, argument)
	if err != nil {
		h.t.Fatal(err)
	}
	h.extra = append(h.extra, "XDG_CACHE_HOME="+cache)
	write(h.t, filepath.Join(dir, name+".wasm"), module, 0o644)
}

// buildGo gives the module of a guest in Go, and the cache that has its compiled code.
func buildGo(name, source, argument string) (module []byte, cache string, err error) {
	b := &goGuests
	b.Lock()
	defer b.Unlock()
	if b.builder == nil {
		if b.builder, err = goguest.New(context.Background(), root, filepath.Dir(wnodePath), goguest.Programs); err != nil {
			return nil, "", err
		}
		b.modules = map[string][]byte{}
	}
	if b.modules[name] == nil {
		if b.modules[name], err = b.builder.Build(context.Background(), source, argument); err != nil {
			return nil, "", err
		}
	}
	return b.modules[name], b.builder.CacheHome(), nil
}

func write(t *testing.T, path string, content []byte, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, content, mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil { // whatever the umask is
		t.Fatal(err)
	}
}
