package programs

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/wnode/wnode/internal/goguest"
)

// root is the root of the repository.
const root = "../.."

// guests has the node that is compared, and the guests in Go.
var guests *goguest.Builder

func TestMain(m *testing.M) { os.Exit(runTests(m)) }

func runTests(m *testing.M) int {
	dir, err := os.MkdirTemp("", "wnode-programs-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	if guests, err = goguest.New(context.Background(), root, dir, goguest.Programs); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}
