// Package guestsdk_test checks the codecs of the guest SDKs against package term: each of the two
// modules in testdata reads a term with its SDK's codec and writes it again.
package guestsdk_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math"
	"math/big"
	"os"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
	"github.com/tetratelabs/wazero/sys"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
)

// codec gives a function that passes a term through a module; it is false for what the module refuses.
func codec(t *testing.T, path string) func(in []byte) ([]byte, bool) {
	t.Helper()
	ctx := context.Background()
	runtime := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigInterpreter())
	t.Cleanup(func() { runtime.Close(ctx) })
	wasi_snapshot_preview1.MustInstantiate(ctx, runtime)
	code, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	compiled, err := runtime.CompileModule(ctx, code)
	if err != nil {
		t.Fatal(err)
	}
	return func(in []byte) ([]byte, bool) {
		var out bytes.Buffer
		config := wazero.NewModuleConfig().WithName("").WithStdin(bytes.NewReader(in)).WithStdout(&out)
		module, err := runtime.InstantiateModule(ctx, compiled, config)
		if err == nil {
			module.Close(ctx)
			return out.Bytes(), true
		}
		var exit *sys.ExitError
		if !errors.As(err, &exit) {
			t.Fatal(err)
		}
		return out.Bytes(), exit.ExitCode() == 0
	}
}

var (
	pid    = abi.Pid{Node: 0x0102030405060708, Num: 0x1112131415161718}
	simple = []any{
		nil, true, false, "", "grün",
		[]byte{},
		[]byte{1, 2},
		[]any{},
		pid, abi.Ref(pid),
		int64(0), int64(23), int64(24), int64(255), int64(256), int64(65535), int64(65536), int64(math.MaxUint32),
		int64(math.MaxUint32 + 1), int64(math.MaxInt64), int64(-1), int64(-24), int64(-25), int64(math.MinInt64),
		[]any{"register", pid},
		[]any{"DOWN", abi.Ref(pid), "process", pid, []any{"exit_status", 3}},
		map[any]any{"b": 1, "aa": []any{[]any{nil}}, int64(10): map[any]any{}},
		strings.Repeat("x", 1000),
	}
)

func TestC(t *testing.T) {
	pass := codec(t, "testdata/codec_c.wasm")
	for _, v := range simple {
		mustPass(t, pass, term.MustEncode(v))
	}
	mustRefuse(t, pass)
}

func TestRust(t *testing.T) {
	pass := codec(t, "testdata/codec_rust.wasm")
	others := []any{
		1.5, 0.1, float64(float32(0.1)), math.Inf(-1), math.NaN(), math.Copysign(0, -1), math.Ldexp(1, -24), math.Ldexp(1, -25),
		math.Ldexp(1023, -24), math.Ldexp(1024, -24), math.Ldexp(2047, -24), math.Ldexp(2047, -23), math.Ldexp(2049, -23), 65504.0, 65505.0, 65536.0,
		math.MaxFloat64, math.SmallestNonzeroFloat64,
		abi.Function{Module: abi.Hash{1}, Export: "_start", Name: "x"},
		uint64(math.MaxUint64), new(big.Int).Lsh(big.NewInt(-1), 64), new(big.Int).Lsh(big.NewInt(1), 64),
		term.Tag{Number: 1, Content: int64(5)},
		term.SimpleValue(99), term.SimpleValue(3),
	}
	for _, v := range append(others, simple...) {
		mustPass(t, pass, term.MustEncode(v))
	}
	mustRefuse(t, pass)
	for _, b := range appendixA(t) {
		mustPass(t, pass, b)
	}
}

// appendixA gives the examples of RFC 8949 that are in the deterministic encoding.
func appendixA(t *testing.T) (examples [][]byte) {
	t.Helper()
	text, err := os.ReadFile("../abi/term/testdata/rfc8949_appendix_a.json")
	if err != nil {
		t.Fatal(err)
	}
	var rows []struct {
		Hex           string
		Deterministic bool
	}
	if err := json.Unmarshal(text, &rows); err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		if b, err := hex.DecodeString(r.Hex); err == nil && r.Deterministic {
			examples = append(examples, b)
		}
	}
	return examples
}

func mustPass(t *testing.T, pass func([]byte) ([]byte, bool), b []byte) {
	t.Helper()
	if got, ok := pass(b); !ok || !bytes.Equal(got, b) {
		t.Errorf("%x came back as %x, %t", b, got, ok)
	}
	if len(b) > 64 {
		return
	}
	for n := range b {
		if got, ok := pass(b[:n]); ok {
			t.Errorf("%x, cut short, came back as %x", b[:n], got)
		}
	}
}

func mustRefuse(t *testing.T, pass func([]byte) ([]byte, bool)) {
	t.Helper()
	for _, s := range []string{
		"0000", "1c", "ff", "9fff", "5bffffffffffffffff", "9bffffffffffffffff", "bbffffffffffffffff", "9affffffff", "f818",
		"d9777440", "d97774f6", "d977744f" + strings.Repeat("00", 15), "d9777460",
	} {
		b, err := hex.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := pass(b); ok {
			t.Errorf("%s came back as %x", s, got)
		}
	}
}
