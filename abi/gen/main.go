// Command gen writes what is generated from the tables of package abi: the host functions and error
// numbers in the bindings of each guest SDK, and the reference page docs/abi.md. The tables are the
// only source; a binding that differs from them is stale.
//
// go generate ./abi runs it. With -check it writes nothing, and fails when a file is not what it
// would write.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

// output is one generated file. Its text depends on nothing but package abi.
type output struct {
	path   string // from the root of the repository, with slashes
	render func() []byte
}

var outputs = []output{
	{"guest-sdk/c/wnode.h", cHeader},
	{"guest-sdk/go/host_wasip1.go", goFile},
	{"guest-sdk/rust/src/host.rs", rustFile},
	{"guest-sdk/assemblyscript/assembly/host.ts", assemblyScriptFile},
	{"docs/abi.md", referencePage},
}

func main() {
	root := flag.String("root", "..", "the root of the repository")
	check := flag.Bool("check", false, "write nothing; fail when a file is stale")
	flag.Parse()
	if err := run(*root, *check); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

// run writes, or with check only compares, every output below root.
func run(root string, check bool) error {
	for _, o := range outputs {
		path := filepath.Join(root, filepath.FromSlash(o.path))
		if check {
			if err := compare(path, o.render()); err != nil {
				return err
			}
			continue
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, o.render(), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// compare fails when the file at path is not want. Git may have written the file with other line ends.
func compare(path string, want []byte) error {
	got, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if !bytes.Equal(bytes.ReplaceAll(got, []byte("\r\n"), []byte("\n")), want) {
		return fmt.Errorf("%s is stale: run go generate ./abi", path)
	}
	return nil
}
