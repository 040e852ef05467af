package main

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

func TestByteSize(t *testing.T) {
	for text, want := range map[string]byteSize{
		"1": 1, "1000": 1000, "7B": 7, "2kB": 2000, "2 KB": 2000, "3KiB": 3072, "64MiB": 64 << 20, "1GiB": 1 << 30, "1GB": 1e9,
		"": 0, "0": 0, "0MiB": 0, "-1": 0, "+1": 0, "1.5MiB": 0, "x": 0, "MiB": 0, "1TiB": 0, "0x10": 0, "1_000": 0,
		"1073741825": 0, "2GiB": 0, "18446744073709551616": 0, "18446744073709551615GiB": 0,
	} {
		var got byteSize
		if err := got.Set(text); got != want || (err == nil) != (want > 0) {
			t.Errorf("%q is %d, %v, want %d", text, got, err, want)
		}
	}
}

// What is shown can be read again.
func TestByteSizeText(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		size := byteSize(rapid.Int64Range(1, int64(largestSize)).Draw(rt, "size"))
		var again byteSize
		if err := again.Set(size.String()); err != nil || again != size {
			rt.Fatalf("%d is shown as %v, which is %d, %v", size, size, again, err)
		}
	})
}

func TestCacheSize(t *testing.T) {
	for text, want := range map[string]cacheSize{
		"1MiB": 1 << 20, "2GiB": 2 << 30, "1000GB": 1e12, "1048575": 0, "0": 0, "": 0, "all": 0, "99999999999GiB": math.MaxInt64,
	} {
		var got cacheSize
		if err := got.Set(text); got != want || (err == nil) != (want > 0) {
			t.Errorf("%q is %d, %v, want %d", text, got, err, want)
		}
	}
}
