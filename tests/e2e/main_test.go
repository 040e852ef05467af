//go:build linux

package e2e

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/wnode/wnode/internal/goguest"
)

// patience is how long anything that should happen may take. Only failures last that long.
const patience = 60 * time.Second

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
	wnodePath = filepath.Join(dir, "wnode")
	args := []string{"build", "-o", wnodePath}
	if raceDetector {
		args = append(args, "-race")
	}
	if out, err := goTool(nil, append(args, "./cmd/wnode")...); err != nil {
		fmt.Fprintf(os.Stderr, "build wnode: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// root is the root of the repository.
const root = "../.."

func goTool(env []string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(context.Background(), "go", args...)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), env...)
	return cmd.CombinedOutput()
}

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

var tickerBuild struct {
	once   sync.Once
	cache  string
	module []byte
	err    error
}

// tickerModule puts ticker.wasm, which is built for these tests, into a folder, and gives the host a cache
// with its compiled code.
func (h *host) tickerModule(dir string) {
	h.t.Helper()
	b := &tickerBuild
	b.once.Do(func() {
		guests, err := goguest.New(context.Background(), root, filepath.Dir(wnodePath), goguest.Programs)
		if err == nil {
			b.cache = guests.CacheHome()
			b.module, err = guests.Build(context.Background(), "./examples/wasm/ticker", "none")
		}
		b.err = err
	})
	if b.err != nil {
		h.t.Fatal(b.err)
	}
	h.extra = append(h.extra, "XDG_CACHE_HOME="+b.cache)
	write(h.t, filepath.Join(dir, "ticker.wasm"), b.module, 0o644)
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
