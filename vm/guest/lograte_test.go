package guest

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"
)

func TestLogRate(t *testing.T) {
	r := logRate{allowance: allowance{burst: 3, perSecond: 2}}
	now := time.Now()
	take := func(dropped uint64, ok bool) {
		t.Helper()
		if d, o := r.take(now); d != dropped || o != ok {
			t.Errorf("%d dropped, %v, want %d, %v", d, o, dropped, ok)
		}
	}
	for range 3 {
		take(0, true)
	}
	take(0, false)
	take(0, false)
	now = now.Add(time.Second / 2)
	take(2, true)
	take(0, false)
	now = now.Add(time.Hour)
	take(1, true)
	r.drop(4)
	take(4, true)
	take(0, true)
	take(0, false) // there is no more than the burst after any time
}

// A guest that writes too many lines is told of in one, at its end if it writes no more.
func TestLogDropped(t *testing.T) {
	var out bytes.Buffer
	n := newTestNode(t, func(o *Options) { o.Logger = slog.New(slog.NewTextHandler(&out, nil)) })
	var lines []op
	for range logBurst + logPerSecond {
		lines = append(lines, invoke("wnode.log", i32c(0), region(0, "line")), drop)
		lines = append(lines, invoke("wnode.log", i32c(-4), region(0, "debug")), drop) // which nobody wants
	}
	n.run(entry(lines...).write(0, "line"))
	written, said := strings.Count(out.String(), "msg=line"), strings.Count(out.String(), logDropped)
	if written < logBurst || written >= logBurst+logPerSecond || said != 1 {
		t.Errorf("%d lines, %d about those that were dropped", written, said)
	}
}
