package main

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"strconv"
	"strings"
)

// The sizes of a module that a node can be told to take. The most is what its store has room for, and enough for messages too.
const (
	defaultMaxModule byteSize = 64 << 20
	largestSize      byteSize = 1 << 30
)

// byteSize is the value of a flag: a number of bytes, with or without a unit.
type byteSize int64

var units = []struct {
	name  string
	bytes uint64
}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"kB", 1e3}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"B", 1}}

var errByteSize = errors.New("give a number of bytes above 0, as in 1000000, 500KiB or 64MiB")

// parseBytes reads a number of bytes, with or without a unit.
func parseBytes(text string) (uint64, error) {
	number, unit := text, uint64(1)
	for _, u := range units {
		if before, ok := strings.CutSuffix(text, u.name); ok {
			number, unit = strings.TrimRight(before, " "), u.bytes
			break
		}
	}
	n, err := strconv.ParseUint(number, 10, 64)
	if errors.Is(err, strconv.ErrSyntax) || err == nil && n == 0 {
		return 0, errByteSize
	}
	overflow, size := bits.Mul64(n, unit)
	if err != nil || overflow > 0 {
		return math.MaxUint64, nil
	}
	return size, nil
}

// Set reads a size.
func (s *byteSize) Set(text string) error {
	size, err := parseBytes(text)
	if err != nil {
		return err
	}
	if size > uint64(largestSize) {
		return fmt.Errorf("give at most %v", largestSize)
	}
	*s = byteSize(size)
	return nil
}

// String gives a size in the largest unit that leaves a whole number.
func (s byteSize) String() string {
	for _, u := range []struct {
		name  string
		bytes byteSize
	}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}} {
		if s > 0 && s%u.bytes == 0 {
			return fmt.Sprintf("%d%s", s/u.bytes, u.name)
		}
	}
	return strconv.FormatInt(int64(s), 10)
}

// Type is what the help calls the value.
func (s byteSize) Type() string { return "size" }

// cacheSize is the value of a flag: how much is kept on disk, in bytes.
type cacheSize int64

// The sizes of the compiled code on disk: without the flag, and the least that is of use.
const (
	defaultCodeCache cacheSize = 1 << 30
	leastCodeCache   cacheSize = 1 << 20
)

// Set reads a size.
func (s *cacheSize) Set(text string) error {
	size, err := parseBytes(text)
	if err != nil {
		return err
	}
	if size < uint64(leastCodeCache) {
		return fmt.Errorf("give at least %v", leastCodeCache)
	}
	*s = cacheSize(min(size, math.MaxInt64))
	return nil
}

// String gives a size in the largest unit that leaves a whole number.
func (s cacheSize) String() string { return byteSize(s).String() }

// Type is what the help calls the value.
func (s cacheSize) Type() string { return "size" }
