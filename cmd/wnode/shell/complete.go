package shell

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/dop251/goja"
	"github.com/dop251/goja/parser"
)

// maxCandidates bounds what one completion offers.
const maxCandidates = 500

var (
	// inNodeName matches a line that ends inside the first argument of a function that takes a node's name.
	inNodeName = regexp.MustCompile("\\bNode\\.(?:connect|disconnect|ping|spawn)\\(\\s*[\"'`]([^\"'`\\\\]*)$")
	// inFileName matches a line that ends inside the first argument of wasm.
	inFileName = regexp.MustCompile("\\bwasm\\(\\s*[\"'`]([^\"'`\\\\]*)$")
	// atPath matches a line that ends with names joined by dots, or with nothing to complete.
	atPath = regexp.MustCompile(`(?:^|[^\w$.)\]"'` + "`" + `])((?:[\pL_$][\pL\w$]*\.)*)([\pL_$][\pL\w$]*)?$`)
)

// Complete offers what may stand in place of line[start:]: names of variables and properties, of
// nodes and of files. No code runs for it. While an input is being evaluated there is nothing on
// offer. Safe for concurrent use.
func (e *Evaluator) Complete(line string) (start int, candidates []string) {
	if m := inNodeName.FindStringSubmatchIndex(line); m != nil {
		return m[2], startingWith(line[m[2]:], e.node.Nodes())
	}
	if m := inFileName.FindStringSubmatchIndex(line); m != nil {
		return m[2], moduleFiles(line[m[2]:])
	}
	m := atPath.FindStringSubmatchIndex(line)
	if m == nil || !e.mu.TryLock() {
		return len(line), nil
	}
	defer e.mu.Unlock()
	start = len(line)
	if m[4] >= 0 {
		start = m[4]
	}
	var names []string
	// A mistake in here costs the offer and nothing else.
	_ = e.try(func() { names = e.namesIn(line[m[2]:m[3]]) })
	return start, startingWith(line[start:], names)
}

// startingWith gives the candidates that begin with prefix, in order and each once.
func startingWith(prefix string, all []string) []string {
	var fitting []string
	for _, s := range all {
		if strings.HasPrefix(s, prefix) {
			fitting = append(fitting, s)
		}
	}
	slices.Sort(fitting)
	fitting = slices.Compact(fitting)
	return fitting[:min(len(fitting), maxCandidates)]
}

// namesIn lists the properties of what path, such as "a.b.", leads to, but for those that every
// object has; those of the global object for no path.
func (e *Evaluator) namesIn(path string) []string {
	o := e.rt.GlobalObject()
	for _, name := range strings.Split(strings.TrimSuffix(path, "."), ".") {
		if name == "" {
			break
		}
		next := e.std.lookup(o, name)
		if next == nil || goja.IsUndefined(next) || goja.IsNull(next) {
			return nil
		}
		o = next.ToObject(e.rt)
	}
	var names []string
	for ; o != nil && !isProxy(o); o = o.Prototype() {
		if o == e.std.objectProto {
			break // every object has these, and they are hardly ever meant
		}
		for _, name := range o.GetOwnPropertyNames() {
			if parser.IsIdentifier(name) && !strings.HasPrefix(name, "__") {
				names = append(names, name)
			}
		}
	}
	return names
}

// moduleFiles lists the folders and the modules whose path begins with prefix.
func moduleFiles(prefix string) []string {
	folder, base := filepath.Split(prefix)
	where := folder
	if where == "" {
		where = "."
	}
	entries, err := os.ReadDir(where)
	if err != nil {
		return nil
	}
	var files []string
	for _, entry := range entries {
		name := entry.Name()
		if strings.HasPrefix(name, ".") && !strings.HasPrefix(base, ".") {
			continue
		}
		if info, err := os.Stat(filepath.Join(where, name)); err == nil && info.IsDir() {
			files = append(files, folder+name+"/")
		} else if strings.HasSuffix(name, ".wasm") {
			files = append(files, folder+name)
		}
	}
	return startingWith(prefix, files)
}
