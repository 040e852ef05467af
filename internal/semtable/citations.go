package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// citation is an identifier in a comment of a test.
type citation struct {
	id    string
	test  string // the file and the function, such as vm/link_test.go:TestLinkedExit
	guest bool   // what the test runs is WebAssembly, seen from within
}

// guestFolders are those whose tests run guests. A test elsewhere that does so says "in a guest" in the
// comment that cites the item.
var guestFolders = []string{"tests/", "vm/guest/"}

// guestTests is the folder of guests that are tests themselves: what they check from within is cited
// in their own comments.
const guestTests = "tests/guests/"

// skipped are folders that hold no tests of ours.
var skipped = []string{".git", ".tools", "bin", "node_modules", "testdata"}

// readCitations reads the comments of all test files below root.
func readCitations(root string) (found []citation, err error) {
	err = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && slices.Contains(skipped, entry.Name()):
			return filepath.SkipDir
		case entry.IsDir():
			return nil
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		if name = filepath.ToSlash(name); !isTest(name) {
			return nil
		}
		in, err := fileCitations(path)
		for _, c := range in {
			c.test = name + c.test
			c.guest = c.guest || inFolder(name, guestFolders...)
			found = append(found, c)
		}
		return err
	})
	return found, err
}

func isTest(name string) bool {
	return strings.HasSuffix(name, "_test.go") || strings.HasSuffix(name, ".go") && inFolder(name, guestTests)
}

func inFolder(name string, folders ...string) bool {
	return slices.ContainsFunc(folders, func(folder string) bool { return strings.HasPrefix(name, folder) })
}

// fileCitations reads one file. The tests are ":" and the function whose comment it is, or that
// the comment is in; "" for a comment of neither.
func fileCitations(path string) (found []citation, err error) {
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, path, nil, parser.ParseComments)
	if err != nil {
		return nil, err
	}
	for _, group := range file.Comments {
		text := strings.Join(strings.Fields(group.Text()), " ")
		ids, err := citedIDs(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", files.Position(group.Pos()), err)
		}
		for _, id := range ids {
			found = append(found, citation{id, functionAt(file, group.Pos()), strings.Contains(text, "in a guest")})
		}
	}
	return found, nil
}

func functionAt(file *ast.File, pos token.Pos) string {
	for _, decl := range file.Decls {
		fn, ok := decl.(*ast.FuncDecl)
		if !ok {
			continue
		}
		from := fn.Pos()
		if fn.Doc != nil {
			from = fn.Doc.Pos()
		}
		if from <= pos && pos < fn.End() {
			return ":" + fn.Name.Name
		}
	}
	return ""
}

// span is one identifier, or the first and the last of several: LINK-01..05, LINK-01 to LINK-15.
var span = regexp.MustCompile(`\b([A-Z]+)-([0-9]{2})(b?)\b(?:(?:\.\.| to )(?:([A-Z]+)-)?([0-9]{2})\b)?`)

// citedIDs gives the identifiers in a text, those between the ends of a span included.
func citedIDs(text string) (ids []string, err error) {
	for _, m := range span.FindAllStringSubmatch(text, -1) {
		letters, first, last := m[1], m[2], m[5]
		if last == "" {
			ids = append(ids, letters+"-"+first+m[3])
			continue
		}
		from, _ := strconv.Atoi(first)
		to, _ := strconv.Atoi(last)
		if m[4] != "" && m[4] != letters || to <= from {
			return nil, fmt.Errorf("%q is no span", m[0])
		}
		for n := from; n <= to; n++ {
			ids = append(ids, fmt.Sprintf("%s-%02d", letters, n))
		}
	}
	return ids, nil
}

// cite enters the citations into the items. It gives those whose identifier has the letters of
// some item and is none; other letters, as in UTF-16, are no identifier's.
func cite(items []*item, citations []citation) (unknown []citation) {
	byID, letters := map[string]*item{}, map[string]bool{}
	for _, it := range items {
		byID[it.id], letters[prefix(it.id)] = it, true
	}
	for _, c := range citations {
		it := byID[c.id]
		switch {
		case it != nil:
			it.cite(c)
		case letters[prefix(c.id)]:
			unknown = append(unknown, c)
		}
	}
	return unknown
}
