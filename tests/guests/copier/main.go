// The guest copier is an ordinary Go program, which knows nothing of nodes: copier FROM TO copies the
// files of one folder into another one, tells a log there of each, and greets with $GREETING.
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: copier FROM TO")
		os.Exit(2)
	}
	n, err := copyFiles(os.Args[1], os.Args[2])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Printf("%s, %d copied\n", os.Getenv("GREETING"), n)
}

func copyFiles(from, to string) (int, error) {
	entries, err := os.ReadDir(from)
	if err != nil {
		return 0, err
	}
	log, err := os.OpenFile(filepath.Join(to, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return 0, err
	}
	defer log.Close()
	for _, entry := range entries {
		data, err := os.ReadFile(filepath.Join(from, entry.Name()))
		if err != nil {
			return 0, err
		}
		if err := os.WriteFile(filepath.Join(to, entry.Name()), data, 0o644); err != nil {
			return 0, err
		}
		if _, err := fmt.Fprintf(log, "%s %d\n", entry.Name(), len(data)); err != nil {
			return 0, err
		}
	}
	return len(entries), nil
}
