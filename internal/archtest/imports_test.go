package archtest

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// pkg is what go list says about a package.
type pkg struct {
	ImportPath string
	Dir        string
	Doc        string
	GoFiles    []string
	Imports    []string
	Deps       []string
}

// list gives the packages of this module as they are built for a system. It takes packages that do
// not compile too: that they do is for others to check.
func list(t *testing.T, goos, goarch string) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-e", "-json=ImportPath,Dir,Doc,GoFiles,Imports,Deps", "./...")
	cmd.Dir = root(t)
	cmd.Env = append(cmd.Environ(), "GOOS="+goos, "GOARCH="+goarch, "CGO_ENABLED=0")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, &stderr)
	}
	var pkgs []pkg
	decoder := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var p pkg
		if err := decoder.Decode(&p); err == io.EOF {
			return pkgs
		} else if err != nil {
			t.Fatal(err)
		}
		pkgs = append(pkgs, p)
	}
}

// root gives the folder of the repository.
func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// inside reports whether path is folder or below it. Everything but the empty path is outside the
// folder "", which stands for the root package alone.
func inside(path, folder string) bool {
	return path == folder || folder != "" && strings.HasPrefix(path, folder+"/")
}

// local gives a path within this module; it is false for packages of others.
func local(importPath string) (string, bool) {
	if importPath == module {
		return "", true
	}
	return strings.CutPrefix(importPath, module+"/")
}

// roomOf gives the innermost room that a package is in.
func roomOf(path string) (room, bool) {
	best, found := room{}, false
	for _, r := range rooms {
		if inside(path, r.path) && (!found || len(r.path) > len(best.path)) {
			best, found = r, true
		}
	}
	return best, found
}

// importViolations gives a line for each import that breaks a rule.
func importViolations(pkgs []pkg) (violations []string) {
	report := func(format string, args ...any) { violations = append(violations, fmt.Sprintf(format, args...)) }
	for _, p := range pkgs {
		path, _ := local(p.ImportPath)
		r, ok := roomOf(path)
		if !ok {
			report("%s is in no room: add it to the rules, with what it may import", p.ImportPath)
			continue
		}
		for _, imported := range p.Imports {
			if to, ours := local(imported); ours && !mayImport(path, r, to) {
				report("%s imports %s: %s", p.ImportPath, imported, r.reason)
			}
			for _, m := range monopolies {
				if inside(imported, m.dependency) && !insideAny(path, m.rooms) {
					report("%s imports %s: %s", p.ImportPath, imported, m.reason)
				}
			}
		}
		for _, b := range bans {
			if r.path == b.room && slices.Contains(p.Deps, b.dependency) {
				report("%s depends on %s: %s", p.ImportPath, b.dependency, b.reason)
			}
		}
	}
	return violations
}

// mayImport reports whether a package in r may import to, which must be in a room that r may import
// and not in one that stands below that one with rules of its own. Packages of one room are free.
func mayImport(path string, r room, to string) bool {
	target, ok := roomOf(to)
	if !ok {
		return false
	}
	if target.path == r.path {
		return path != to
	}
	if r.path == "" {
		return insideAny(to, r.may)
	}
	return slices.Contains(r.may, target.path)
}

func insideAny(path string, folders []string) bool {
	return slices.ContainsFunc(folders, func(folder string) bool { return inside(path, folder) })
}

// The guests in Go and the bindings exist for wasip1 only, so the rules are checked for both.
func TestImports(t *testing.T) {
	for goos, goarch := range map[string]string{"linux": "amd64", "wasip1": "wasm", "darwin": "arm64", "windows": "amd64"} {
		for _, v := range importViolations(list(t, goos, goarch)) {
			t.Errorf("%s: %s", goos, v)
		}
	}
}

// The check must find what it is there for.
func TestImportViolations(t *testing.T) {
	for name, c := range map[string]struct {
		path    string
		imports []string
		deps    []string
		want    int
	}{
		"leaf imports leaf":             {path: "/vm", imports: []string{module + "/registry"}, want: 1},
		"leaf imports root":             {path: "/net/link", imports: []string{module}, want: 1},
		"process core imports guest":    {path: "/vm", imports: []string{module + "/vm/guest"}, want: 1},
		"program imports a leaf":        {path: "/cmd/wnode", imports: []string{module + "/vm"}, want: 1},
		"wasm engine in the root":       {path: "", imports: []string{"github.com/tetratelabs/wazero/api"}, want: 1},
		"second codec":                  {path: "/vm/io", imports: []string{"github.com/fxamacker/cbor/v2"}, want: 1},
		"network under the processes":   {path: "/vm", deps: []string{"net"}, want: 1},
		"no room":                       {path: "/util", want: 1},
		"root wires leaves":             {path: "", imports: []string{module + "/vm/guest", module + "/net/link", module + "/abi"}},
		"shell imports root and term":   {path: "/cmd/wnode/shell", imports: []string{module, module + "/abi/term"}},
		"guest imports its processes":   {path: "/vm/guest", imports: []string{module + "/vm", "github.com/tetratelabs/wazero"}},
		"cookie imports its own parts":  {path: "/cookie", imports: []string{module + "/cookie/cpace"}},
		"link imports what it is given": {path: "/net/link", imports: []string{"github.com/quic-go/quic-go", module + "/cookie", "net"}, deps: []string{"net"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := importViolations([]pkg{{ImportPath: module + c.path, Imports: c.imports, Deps: c.deps}})
			if len(got) != c.want {
				t.Errorf("got %q, want %d", got, c.want)
			}
		})
	}
}

func TestPureRoomsStartNoGoroutine(t *testing.T) {
	for _, p := range list(t, "linux", "amd64") {
		if path, _ := local(p.ImportPath); !insideAny(path, pure) {
			continue
		}
		for _, name := range p.GoFiles {
			for _, pos := range goStatements(t, filepath.Join(p.Dir, name)) {
				t.Errorf("%s starts a goroutine: %s must leave that to whoever drives it", pos, p.ImportPath)
			}
		}
	}
}

func goStatements(t *testing.T, path string) (found []token.Position) {
	t.Helper()
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if n, ok := n.(*ast.GoStmt); ok {
			found = append(found, files.Position(n.Pos()))
		}
		return true
	})
	return found
}
