//go:build linux

package net

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// patience is how long anything that should happen may take. Only failures last that long.
const patience = 90 * time.Second

// parallel is how many tests run at a time unless -parallel says otherwise: most of the time they wait.
const parallel = "6"

var seedFlag = flag.Uint64("seed", 0, "what the middleboxes draw from; 0 is another one for each test")

// wnodePath is the program that is tested, built once, with the race detector if these tests have it.
var wnodePath string

// noNamespaces says why this machine has no network namespaces; "" when it has.
var noNamespaces string

func TestMain(m *testing.M) {
	if err := flag.Set("test.parallel", parallel); err != nil { // before the command line is read
		panic(err)
	}
	flag.Parse()
	os.Exit(runTests(m))
}

func runTests(m *testing.M) int {
	if noNamespaces = tryNamespace(); noNamespaces != "" {
		fmt.Fprintln(os.Stderr, "tests/net: skipped, there are no network namespaces here:", noNamespaces)
		return m.Run()
	}
	dir, err := os.MkdirTemp("", "wnode-net-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	wnodePath = filepath.Join(dir, "wnode")
	args := []string{"build", "-o", wnodePath}
	if raceDetector {
		args = append(args, "-race")
	}
	build := exec.CommandContext(context.Background(), "go", append(args, "./cmd/wnode")...)
	build.Dir = "../.."
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build wnode: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}
