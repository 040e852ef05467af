// Program gospawn is a guest in Go that ends at once, with what common programs are linked with.
package main

import (
	"encoding/json"
	"os"
	"regexp"

	wnode "github.com/wnode/wnode/guest-sdk/go"
)

var pattern = regexp.MustCompile(`^[a-z]+$`)

// nothing is where a process can be started that does without main.
//
//go:wasmexport nothing
func nothing() {}

func main() {
	wnode.Main(func() error {
		if len(os.Args) > 1 {
			return json.Unmarshal([]byte(os.Args[1]), new(any))
		}
		_ = pattern
		return nil
	})
}
