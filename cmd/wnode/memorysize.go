package main

import (
	"errors"
	"fmt"
	"math/bits"
	"strconv"
	"strings"

	"github.com/wnode/wnode"
)

// leastMemory is the least that a node can be told to keep for its processes.
const leastMemory = 1 << 20

// memorySize is the value of a flag and of a key: what a node keeps for its processes at most, in bytes. 0: what is left
// to the node.
type memorySize uint64

var errMemorySize = errors.New("give a number of bytes from 1MiB on, as in 512MiB or 2GiB, or a part of the machine's memory from 1% to 100%")

// Set reads a size, or a percentage of what the machine has.
func (s *memorySize) Set(text string) error {
	size, err := parseMemory(text, wnode.MachineMemory())
	if err != nil {
		return err
	}
	*s = memorySize(size)
	return nil
}

func parseMemory(text string, machine uint64) (size uint64, err error) {
	if number, ok := strings.CutSuffix(text, "%"); ok {
		percent, err := strconv.ParseUint(number, 10, 8)
		if err != nil || percent == 0 || percent > 100 {
			return 0, errMemorySize
		}
		high, low := bits.Mul64(machine, percent)
		size, _ = bits.Div64(high, low, 100)
	} else if size, err = parseBytes(text); err != nil {
		return 0, errMemorySize
	}
	if size < leastMemory {
		return 0, errMemorySize
	}
	return size, nil
}

// UnmarshalText reads a size from a file.
func (s *memorySize) UnmarshalText(text []byte) error {
	if err := s.Set(string(text)); err != nil {
		return fmt.Errorf("memory = %q: %w", text, err)
	}
	return nil
}

// String gives the size as the help shows it: nothing by default.
func (s *memorySize) String() string {
	if *s == 0 {
		return ""
	}
	return byteSize(*s).String()
}

// Type is what the help calls the value.
func (s *memorySize) Type() string { return "size" }
