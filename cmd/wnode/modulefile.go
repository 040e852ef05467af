package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/wnode/wnode"
	"github.com/wnode/wnode/abi"
)

// readModule reads a module of at most limit bytes. The errors are one line that says what to do.
func readModule(path string, limit byteSize) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, unreadable(path, err)
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.Mode().IsRegular() && info.Size() > int64(limit) {
		return nil, tooLarge(path, fmt.Sprint(info.Size(), " bytes"), limit)
	}
	// What is no regular file, as a pipe, does not know its size; a file may grow meanwhile.
	module, err := io.ReadAll(io.LimitReader(f, int64(limit)+1))
	if err != nil {
		return nil, unreadable(path, err)
	}
	if len(module) > int(limit) {
		return nil, tooLarge(path, "more", limit)
	}
	return module, nil
}

func unreadable(path string, err error) error {
	return fmt.Errorf("cannot read %s: %w", path, bareError(err))
}

func tooLarge(path, size string, limit byteSize) error {
	return fmt.Errorf("%s: module %w: %s, at most %d; --max-module takes larger ones", filepath.Base(path), abi.ErrTooLarge, size, limit)
}

// shellNode is a node for a shell, which loads modules from files.
type shellNode struct {
	*wnode.Node
	maxModule byteSize
}

var errNotFile = errors.New("not a regular file")

// LoadFile loads a module. A pipe or a device is refused: reading it could not be interrupted.
func (n shellNode) LoadFile(path string) (abi.Function, error) {
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() && !info.IsDir() {
		err = errNotFile
	}
	if err != nil {
		return abi.Function{}, unreadable(path, err)
	}
	module, err := readModule(path, n.maxModule)
	if err != nil {
		return abi.Function{}, err
	}
	return n.Load(filepath.Base(path), module)
}
