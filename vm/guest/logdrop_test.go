package guest

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
)

// A guest that writes too many lines is told of in one, at its end if it writes no more.
func TestLogDropped(t *testing.T) {
	var out bytes.Buffer
	n := newTestNode(t, func(o *Options) { o.Logger = slog.New(slog.NewTextHandler(&out, nil)) })
	var lines []op
	for range logBurst + logPerSecond {
		lines = append(lines, invoke("wnode.log", i32c(0), region(0, "line")), drop)
		lines = append(lines, invoke("wnode.log", i32c(-4), region(0, "debug")), drop) // which nobody wants
	}
	n.run(entry(lines...).Write(0, "line"))
	written, said := strings.Count(out.String(), "msg=line"), strings.Count(out.String(), logDropped)
	if written < logBurst || written >= logBurst+logPerSecond || said != 1 {
		t.Errorf("%d lines, %d about those that were dropped", written, said)
	}
}
