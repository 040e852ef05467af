package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/wnode/wnode"
	guests "github.com/wnode/wnode/examples/wasm"
)

func TestTellRewrite(t *testing.T) {
	rewritten, err := wnode.RewriteModule(guests.Whoami)
	if err != nil {
		t.Fatal(err)
	}
	s := summaryOf("whoami.wasm", len(guests.Whoami), rewritten)
	if s.BytesAfter != len(rewritten.Module) || len(s.Functions) == 0 || s.HiddenState != "" || s.ExportedGlobals != len(rewritten.State.Globals) {
		t.Errorf("%+v", s)
	}
	s.Functions = []wnode.FunctionReport{
		{Index: 1, Name: "small", Charged: wnode.ChargedByCallers, Work: 5, StackBytes: 64, Before: 10, After: 12},
		{
			Index: 2, Name: "large", Charged: wnode.ChargedAtEntry, Work: 900, Reductions: 14, StackBytes: 5000, Counted: true,
			LoopsOutside: 2, LoopsInside: 1, IndirectCode: 3, Bulk: 4, Before: 700, After: 800,
		},
		{Index: 3, Charged: wnode.ChargedInLoop, Work: 50, Reductions: 3, LoopsOutside: 1, IndirectTable: 2},
	}
	s.DispatchedElements, s.DispatchFunctions, s.HiddenState = 300, 7, "its code changes tables"
	var brief, full strings.Builder
	for _, f := range []struct {
		rewriteFlags
		out *strings.Builder
	}{{rewriteFlags{}, &brief}, {rewriteFlags{explain: true}, &full}} {
		if err := f.tell(f.out, s); err != nil {
			t.Fatal(err)
		}
	}
	if lines := strings.Count(brief.String(), "\n"); lines != 4 {
		t.Errorf("%d lines of totals:\n%s", lines, &brief)
	}
	fields := []string{}
	for line := range strings.Lines(full.String()) {
		fields = append(fields, strings.Join(strings.Fields(line), " "))
	}
	for i, want := range []string{
		"work charged stack loops indirect bulk bytes function",
		"900 entry, 14 5000 counted 2 outside, 1 inside 3 by code 4 700 -> 800 2 large",
		"50 loop, 3 0 1 outside 2 by table - 0 -> 0 3",
		"5 by callers 64 - - - 10 -> 12 1 small",
		"",
	} {
		if fields[i] != want {
			t.Errorf("line %d is %q, want %q", i, fields[i], want)
		}
	}
	for _, want := range []string{"in place of a table of 300 elements 7", "instances cannot be used again: its code changes tables"} {
		if !strings.Contains(brief.String(), want) {
			t.Errorf("%q is missing:\n%s", want, &brief)
		}
	}
}

// What people read of a report.
func TestTellReport(t *testing.T) {
	report, err := wnode.InspectModule(t.Context(), guests.Whoami, 0)
	if err != nil {
		t.Fatal(err)
	}
	tell := func(change func(*wnode.ModuleReport)) string {
		r := *report
		change(&r)
		var b bytes.Buffer
		if err := printReport(&output{w: &b}, inspected{"whoami.wasm", &r}, false); err != nil {
			t.Fatal(err)
		}
		return strings.Join(strings.Fields(b.String()), " ")
	}
	for name, tt := range map[string]struct {
		change func(*wnode.ModuleReport)
		want   string
	}{
		"as it is":  {func(*wnode.ModuleReport) {}, "starts at _start (default) instances each serves one process after the other initialised never: "},
		"name":      {func(r *wnode.ModuleReport) { r.Name = "main" }, "name whoami.wasm, which calls itself main sha256 "},
		"imports":   {func(*wnode.ModuleReport) {}, "imports of wnode io_write, node_name linking a node of this version has all"},
		"problems":  {func(r *wnode.ModuleReport) { r.ImportProblems = []string{"unknown import a.b: x"} }, "cannot be run unknown import a.b: x starts at"},
		"problems+": {func(r *wnode.ModuleReport) { r.ImportProblems = strings.Split("0123456789ab", "") }, " 9 and 2 more starts at"},
		"image":     {func(r *wnode.ModuleReport) { r.Image.Bytes = 3 << 19 }, "image 1.5 MiB of 64.0 KiB are not zero"},
		"once": {func(r *wnode.ModuleReport) {
			r.Initialization.Times, r.Initialization.By = wnode.InitializedOnce, []string{"_initialize"}
		}, "initialised once for all processes (_initialize) image"},
		"each": {func(r *wnode.ModuleReport) {
			r.Initialization.Times, r.Initialization.Reason = wnode.InitializedEach, "it wants to"
		}, "initialised for each process (): it wants to image"},
		"random": {func(r *wnode.ModuleReport) {
			r.Initialization.Times, r.SharedGenerators = wnode.InitializedOnce, []string{"math/rand"}
		}, "warning all its processes draw the same numbers from math/rand, "},
		"command":   {func(r *wnode.ModuleReport) { r.Entries = []string{"_start", "wnode_start"} }, "hint built with -buildmode=c-shared, "},
		"no start":  {func(r *wnode.ModuleReport) { r.DefaultEntry, r.Entries = "", []string{"tick"} }, "starts at tick instances"},
		"warned of": {func(r *wnode.ModuleReport) { r.DefaultEntry, r.Entries = "", []string{"tick"} }, "warning it has no export _start and none wnode_start"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := tell(tt.change); !strings.Contains(got, tt.want) {
				t.Errorf("%q is not in %q", tt.want, got)
			}
		})
	}
	if got := tell(func(r *wnode.ModuleReport) { r.SharedGenerators = []string{"math/rand"} }); strings.Contains(got, "warning") {
		t.Errorf("nothing is shared: %s", got)
	}
}

func TestReportAsJSON(t *testing.T) {
	report, err := wnode.InspectModule(t.Context(), guests.Whoami, 0)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := printReport(&output{w: &b}, inspected{"whoami.wasm", report}, true); err != nil {
		t.Fatal(err)
	}
	var decoded inspected
	if err := json.Unmarshal(b.Bytes(), &decoded); err != nil || decoded.File != "whoami.wasm" || decoded.SHA256 != report.SHA256 {
		t.Errorf("%s, %v", &b, err)
	}
}

func TestListed(t *testing.T) {
	names := strings.Split(strings.Repeat("a name of some length\n", 300), "\n")
	lines := listed(names, "none")
	for _, line := range lines {
		if len(line) > lineWidth {
			t.Errorf("%d characters: %q", len(line), line)
		}
	}
	if last := lines[len(lines)-1]; !strings.HasSuffix(last, "and 101 more") {
		t.Errorf("ends in %q", last)
	}
	if got := listed(nil, "none"); len(got) != 1 || got[0] != "none" {
		t.Errorf("nothing is %q", got)
	}
}
