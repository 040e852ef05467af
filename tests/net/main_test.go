//go:build linux

package net

import (
	"flag"
	"fmt"
	"os"
	"sync"
	"testing"

	"github.com/wnode/wnode/internal/programtest"
)

// parallel is how many tests run at a time unless -parallel says otherwise: most of the time they wait.
const parallel = "6"

var seedFlag = flag.Uint64("seed", 0, "what the middleboxes draw from; 0 is another one for each test")

// noNamespaces says why this machine has no network namespaces; "" when it has.
var noNamespaces string

// programs is the folder for what is built.
var programs string

// program gives the path of the program that is tested. It is built once, with the race detector if these tests
// have it.
var program = sync.OnceValues(func() (string, error) { return programtest.Build("../..", programs) })

func TestMain(m *testing.M) {
	if err := flag.Set("test.parallel", parallel); err != nil { // before the command line is read
		panic(err)
	}
	flag.Parse()
	os.Exit(runTests(m))
}

func runTests(m *testing.M) int {
	noNamespaces = tryNamespace()
	var err error
	if programs, err = os.MkdirTemp("", "wnode-net-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(programs)
	return m.Run()
}

// needNamespaces skips a test on a machine that has no network namespaces, and says why.
func needNamespaces(t *testing.T) {
	t.Helper()
	if noNamespaces != "" {
		t.Skip("there are no network namespaces here, so the tests of bad networks are skipped: " + noNamespaces)
	}
}

// The middlebox has to be there for the tests that stand on it. This one says so when it is not, and takes no time.
func TestNamespaces(t *testing.T) { newNetwork(t) }
