package term_test

import (
	"errors"
	"math"
	"math/big"
	"testing"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
)

func TestFormat(t *testing.T) {
	index := func(n abi.NodeID) int { return int(n) - 1 }
	for want, v := range map[string]any{
		"null":                                nil,
		"true":                                true,
		"-5":                                  int64(-5),
		"1":                                   1.0,
		"1.5":                                 1.5,
		"1000000":                             1e6,
		"123456789012345680000":               1.2345678901234568e20,
		"1e+21":                               1e21,
		"0.000001":                            1e-6,
		"1e-7":                                1e-7,
		"1.5e-10":                             1.5e-10,
		"-0":                                  math.Copysign(0, -1),
		"NaN":                                 math.NaN(),
		"Infinity":                            math.Inf(1),
		"-Infinity":                           math.Inf(-1),
		"18446744073709551616":                new(big.Int).Lsh(big.NewInt(1), 64),
		`"a\"b\\c"`:                           `a"b\c`,
		`"\n\r\t"`:                            "\n\r\t",
		`"\x1b[2J\x9b\x00"`:                   "\x1b[2J\u009b\x00",
		`"\u{202e}\u{e0001}"`:                 "\u202e\U000e0001",
		`"\xff` + "\ufffd" + `"`:              "\xff\ufffd",
		`"grün 水"`:                            "grün 水",
		"h'0aff'":                             []byte{10, 255},
		"h'0bff'":                             term.ByteString("\x0b\xff"),
		"[]":                                  []any{},
		`["tick", 1]`:                         []any{"tick", int64(1)},
		`{"b c": [], 1: 2, a_1: {}}`:          map[any]any{"a_1": map[any]any{}, "b c": []any{}, int64(1): int64(2)},
		`{"": 1, "1a": 2}`:                    map[any]any{"": int64(1), "1a": int64(2)},
		"#PID<0.12.0>":                        abi.Pid{Node: 1, Num: 12},
		"#PID<1.2.1>":                         abi.Pid{Node: 2, Num: 1<<32 + 2},
		"[#Ref<2.7.0>]":                       []any{abi.Ref{Node: 3, Num: 7}},
		"#Function<w.wasm:go sha256:ab00...>": abi.Function{Module: abi.Hash{0xab}, Export: "go", Name: "w.wasm"},
		`1(2)`:                                term.Tag{Number: 1, Content: int64(2)},
		"simple(99)":                          term.SimpleValue(99),
		"7":                                   uint8(7),
		"oops":                                errors.New("oops"),
	} {
		if got := term.Format(v, index); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	if got := term.Format(abi.Pid{Node: 9, Num: 1}, nil); got != "#PID<0.1.0>" {
		t.Errorf("without an index: %s", got)
	}
}

// A value that holds itself is no term, but printing it must still end.
func TestFormatDepth(t *testing.T) {
	loop := make([]any, 1)
	loop[0] = loop
	if got := term.Format(loop, nil); len(got) > 3*term.MaxDepth {
		t.Errorf("%d bytes", len(got))
	}
}

// Keys that differ may print alike; the order of the map's entries must not show.
func TestFormatKeysThatPrintAlike(t *testing.T) {
	m := map[any]any{abi.Pid{Node: 1}: "b", abi.Pid{Node: 2}: "a", abi.Pid{Node: 3}: "c"}
	const want = `{#PID<0.0.0>: "a", #PID<0.0.0>: "b", #PID<0.0.0>: "c"}`
	for range 20 {
		if got := term.Format(m, nil); got != want {
			t.Fatalf("%s, want %s", got, want)
		}
	}
}
