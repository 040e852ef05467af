//go:build linux

package e2e

import (
	"encoding/json"
	"strings"
	"testing"
)

// withoutGo are the keys of figures that take no Go program, which a program with the race detector compiles for minutes.
// Package programs has the others.
const withoutGo = "^(spawn|idle|pingpong|ring|fan_in|fib30|host_call|kill|gc_)"

// The bench does all of its work, however little that is, and scripts can read what came of it.
func TestBench(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	r := h.run("bench", "local", "--json", "--shrink", "1000", "--only", withoutGo)
	figures := map[string]float64{}
	if err := json.Unmarshal([]byte(r.stdout), &figures); err != nil || r.code != 0 || r.stderr != "" {
		t.Fatalf("%v: %+v", err, r)
	}
	for _, key := range []string{
		"spawn_roundtrip_ns", "spawn_storm_per_s", "pingpong_ns", "ring_hop_ns", "fan_in_msgs_per_s", "fib30_ms",
		"host_call_ns", "kill_spinning_ns", "gc_pause_p99_ns", "gc_cycle_ns",
	} {
		if figures[key] <= 0 {
			t.Errorf("%s is %v", key, figures[key])
		}
	}
	if _, ok := figures["idle_process_bytes"]; !ok {
		t.Errorf("no memory of idle processes in %v", figures)
	}
	table := h.run("bench", "--shrink", "1000", "--only", withoutGo)
	if lines := strings.Count(table.stdout, "\n"); table.code != 0 || lines != len(figures) {
		t.Errorf("%d lines for %d figures: %+v", lines, len(figures), table)
	}
	help := h.run("bench", "--help").stdout
	for key := range figures {
		if !strings.Contains(table.stdout, key) || !strings.Contains(help, "  "+key+" ") {
			t.Errorf("%s is missing in the table or in the help", key)
		}
	}
	if r := h.run("bench", "remotely"); r.code != 2 {
		t.Errorf("bench of something else: %+v", r)
	}
	h.run("bench", "--only", "nothing").wantError(t, 1, `--only: no key matches "nothing"; .*`)
	h.run("bench", "--idle", "0").wantError(t, 1, `--idle: give a number from 1 to \d+`)
	// More than is usual, but for the part that is left of it: the node has room for all of them.
	if r := h.run("bench", "--idle", "150000", "--shrink", "100", "--only", "idle"); r.code != 0 || !strings.HasPrefix(r.stdout, "idle_process_bytes") {
		t.Errorf("more processes that wait: %+v", r)
	}
	h.run("bench", "--only", "(").wantError(t, 1, `--only: error parsing regexp: .*`)
}

// The second node is a program of its own, which the bench starts and ends.
func TestBenchRemote(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	r := h.run("bench", "remote", "--json", "--shrink", "1000")
	figures := map[string]float64{}
	if err := json.Unmarshal([]byte(r.stdout), &figures); err != nil || r.code != 0 || r.stderr != "" {
		t.Fatalf("%v: %+v", err, r)
	}
	help := h.run("bench", "--help").stdout
	for _, key := range []string{
		"remote_pingpong_ns", "remote_msgs_per_s", "remote_bytes_per_s", "bare_quic_bytes_per_s", "remote_spawn_ns",
		"remote_small_p99_ns", "remote_small_beside_module_p99_ns",
	} {
		if figures[key] <= 0 {
			t.Errorf("%s is %v", key, figures[key])
		}
		if !strings.Contains(help, "  "+key+" ") {
			t.Errorf("%s is missing in the help", key)
		}
	}
	if r := h.run("bench", "remote", "--shrink", "1000", "--only", "remote_spawn"); r.code != 0 || strings.Count(r.stdout, "\n") != 1 {
		t.Errorf("one figure: %+v", r)
	}
}
