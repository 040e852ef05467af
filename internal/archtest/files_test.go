package archtest

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// maxLines is how long a file may be before it wants to be two.
const maxLines = 400

// skipped are folders that are not source.
var skipped = []string{".git", ".tools", "bin", "node_modules", "testdata"}

// files gives the paths of the repository's files that end in suffix, from its root.
func files(t *testing.T, suffix string) (paths []string) {
	t.Helper()
	base := root(t)
	err := filepath.WalkDir(base, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && slices.Contains(skipped, entry.Name()) {
			return filepath.SkipDir
		}
		if !entry.IsDir() && strings.HasSuffix(path, suffix) {
			relative, err := filepath.Rel(base, path)
			if err != nil {
				return err
			}
			paths = append(paths, filepath.ToSlash(relative))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

func text(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root(t), filepath.FromSlash(path)))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// generated is the line by which Go's tools know a generated file.
var generated = regexp.MustCompile(`(?m)^// Code generated .* DO NOT EDIT\.$`)

func TestFilesAreShort(t *testing.T) {
	for _, path := range files(t, ".go") {
		source := text(t, path)
		lines := strings.Count(source, "\n")
		if lines > maxLines && !strings.HasSuffix(path, "_test.go") && !generated.MatchString(source) {
			t.Errorf("%s has %d lines, more than %d: it wants to be two files", path, lines, maxLines)
		}
	}
}

func TestPackagesAreDocumented(t *testing.T) {
	for goos, goarch := range map[string]string{"linux": "amd64", "wasip1": "wasm"} {
		for _, p := range list(t, goos, goarch) {
			if p.Doc == "" && len(p.GoFiles) > 0 {
				t.Errorf("%s has no package comment", p.ImportPath)
			}
		}
	}
}

var (
	link   = regexp.MustCompile(`\]\(([^)#\s]+)(#[^)\s]*)?\)`)
	quoted = regexp.MustCompile("`([^`\\s]+)`")
)

// namedPaths gives the paths that a document names: targets of links, from the document's folder, and
// what it quotes that begins with a folder of the repository, from the root.
func namedPaths(document, source string, folders []string) (paths []string) {
	for _, m := range link.FindAllStringSubmatch(source, -1) {
		if !strings.Contains(m[1], "://") && !strings.HasPrefix(m[1], "mailto:") {
			paths = append(paths, filepath.Join(filepath.Dir(document), m[1]))
		}
	}
	for _, m := range quoted.FindAllStringSubmatch(source, -1) {
		first, rest, ok := strings.Cut(strings.TrimPrefix(m[1], "./"), "/")
		if ok && slices.Contains(folders, first) && !strings.ContainsAny(rest, "*<>{}$") && !strings.Contains(rest, "...") {
			paths = append(paths, filepath.Join(first, rest))
		}
	}
	return paths
}

func TestPathsInDocumentsExist(t *testing.T) {
	base := root(t)
	entries, err := os.ReadDir(base)
	if err != nil {
		t.Fatal(err)
	}
	var folders []string
	for _, e := range entries {
		if e.IsDir() && e.Name() != "bin" {
			folders = append(folders, e.Name())
		}
	}
	for _, document := range files(t, ".md") {
		for _, path := range namedPaths(document, text(t, document), folders) {
			if _, err := os.Stat(filepath.Join(base, path)); err != nil {
				t.Errorf("%s names %s, which is not there", document, filepath.ToSlash(path))
			}
		}
	}
}

func TestNamedPaths(t *testing.T) {
	source := "[a](../abi/gen#x) [b](https://example.org/x) `vm/guest` `./vm/io` `vm` `wnode/1` `vm/*` `tests/...` `go vet ./...`"
	got := namedPaths("docs/page.md", source, []string{"abi", "vm", "tests"})
	for i := range got {
		got[i] = filepath.ToSlash(got[i])
	}
	if want := []string{"abi/gen", "vm/guest", "vm/io"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
