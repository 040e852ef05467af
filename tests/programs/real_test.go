//go:build programs

package programs

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// built gives the path of a program of others.
func built(t testing.TB, name string) string {
	t.Helper()
	path := filepath.Join(root, "bin", "programs", name)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("there is no %s: run scripts/build-programs, which gets it and builds it", path)
	}
	return path
}

// cacheHome is where the compiled code of these programs is kept from one run of the tests to the next.
func cacheHome(t testing.TB) string {
	t.Helper()
	dir, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "wnode-programs", "compiled")
}

// testdata gives the content of files of testdata by their names.
func testdata(t testing.TB, folder string) map[string]string {
	t.Helper()
	return readFiles(t, filepath.Join("testdata", folder))
}

// ruby gives a run of a script.
func ruby(t testing.TB, script string, args ...string) program {
	return program{
		module: built(t, "ruby.wasm"), args: append([]string{"/data/" + script}, args...), files: testdata(t, "ruby"),
	}
}

// A whole Ruby, which unwinds and winds its stack for exceptions, fibers and the scan of its collector.
func TestRuby(t *testing.T) {
	for script, code := range map[string]int{
		"collections.rb": 0, "exceptions.rb": 1, "fibers.rb": 0, "files.rb": 7, "library.rb": 0, "memory.rb": 0,
		"numbers.rb": 0, "speed.rb": 0, "text.rb": 0,
	} {
		t.Run(script, func(t *testing.T) {
			p := ruby(t, script, "/data", "--flag", "grün")
			p.env, p.stdin = []string{"GREETING=hello there", "EMPTY="}, "one\ntwo\nthree without a newline"
			got := mustAgree(t, p, cacheHome(t))
			if got.code != code || got.stdout == "" {
				t.Errorf("exit code %d, want %d; it printed %q", got.code, code, got.stdout)
			}
		})
	}
}

// SQLite in memory, and in a file that one program leaves to the next.
func TestSQLite(t *testing.T) {
	scripts := testdata(t, "sql")
	run := func(script string, code int, files map[string]string, args ...string) outcome {
		p := program{module: built(t, "sql.wasm"), args: args, stdin: scripts[script], files: files}
		got := mustAgree(t, p, cacheHome(t))
		if got.code != code || got.stdout == "" {
			t.Errorf("%s: exit code %d, want %d; it printed %q, %q", script, got.code, code, got.stdout, got.stderr)
		}
		return got
	}
	run("queries.sql", 1, nil)
	run("deep.sql", 0, nil)
	const name, path = "test.db", "/data/test.db"
	made := run("create.sql", 0, map[string]string{}, path)
	changed := run("change.sql", 0, made.files, path)
	if made.files[name] == "" || changed.files[name] == made.files[name] {
		t.Errorf("databases of %d and %d bytes", len(made.files[name]), len(changed.files[name]))
	}
}

// BenchmarkRuby prints how long Ruby computes on a node as a multiple of what it takes in plain wazero, and how long
// everything else takes there: to start a node, to load compiled code, and to set Ruby up. The best of interleaved runs
// counts.
func BenchmarkRuby(b *testing.B) {
	best := func(best *float64, value float64) {
		if *best == 0 || value < *best {
			*best = value
		}
	}
	p := ruby(b, "speed.rb", "time")
	var plainly, metered, other float64
	for b.Loop() {
		fromPlain, _ := plain(b, p, filepath.Join(cacheHome(b), "plain"))
		best(&plainly, milliseconds(b, fromPlain))
		fromNode, took := onNode(b, p, cacheHome(b))
		computed := milliseconds(b, fromNode)
		best(&metered, computed)
		best(&other, float64(took.Milliseconds())-computed)
	}
	b.ReportMetric(metered/plainly, "ratio")
	b.ReportMetric(plainly, "plain-ms")
	b.ReportMetric(other, "start-ms")
	b.ReportMetric(0, "ns/op")
}

// milliseconds reads the time that a program says it took.
func milliseconds(b *testing.B, o outcome) float64 {
	b.Helper()
	ms, err := strconv.ParseFloat(strings.TrimSpace(o.stderr), 64)
	if err != nil || o.code != 0 {
		b.Fatalf("exit code %d, %q", o.code, o.stderr)
	}
	return ms
}
