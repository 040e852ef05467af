package programtest

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Build builds the program into a folder, with the race detector if the tests have it, and gives its path. root is
// that of the repository.
func Build(root, dir string) (path string, err error) {
	path = filepath.Join(dir, "wnode")
	args := []string{"build", "-o", path}
	if Race {
		args = append(args, "-race")
	}
	build := exec.CommandContext(context.Background(), "go", append(args, "./cmd/wnode")...)
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build wnode: %w: %s", err, out)
	}
	return path, nil
}

// alarms are words that a program says only when it is broken.
var alarms = []string{"DATA RACE", "panic:", "fatal error:", "goroutine 1 ["}

// MustBeSound fails a test whose program says that it is broken.
func MustBeSound(t testing.TB, what, output string) {
	t.Helper()
	for _, word := range alarms {
		if strings.Contains(output, word) {
			t.Errorf("%s is broken:\n%s", what, output)
			return
		}
	}
}
