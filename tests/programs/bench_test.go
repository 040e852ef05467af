//go:build !race

package programs

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/wnode/wnode/internal/goguest"
)

// The figures of the bench that take a Go program, on a node that compiles it in seconds.
func TestBenchOfGo(t *testing.T) {
	t.Parallel()
	port, err := goguest.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), guests.Program(), "bench", "--json", "--shrink", "100", "--only", "^(go|metering)_")
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir(), "XDG_CACHE_HOME="+guests.CacheHome(), fmt.Sprintf("WNODE_PORT=%d", port))
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	figures := map[string]float64{}
	if err := json.Unmarshal(out, &figures); err != nil {
		t.Fatal(err)
	}
	languages := map[string]int{}
	for key, value := range figures {
		if value <= 0 {
			t.Errorf("%s is %v", key, value)
		}
		if rest, ok := strings.CutPrefix(key, "metering_"); ok {
			language, _, _ := strings.Cut(rest, "_")
			languages[language]++
		}
	}
	if languages["c"] < 15 || languages["go"] < 5 || figures["metering_worst"] < figures["metering_geomean"] {
		t.Errorf("metering of %v kernels: %v", languages, figures)
	}
	for _, key := range []string{"go_spawn_warm_ns", "go_spawn_fresh_ns", "metering_geomean"} {
		if figures[key] == 0 {
			t.Errorf("no %s", key)
		}
	}
}
