package rewrite_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/wnode/wnode/internal/kernels"
	"github.com/wnode/wnode/internal/randmodule"
	"github.com/wnode/wnode/vm/module/rewrite"
	"github.com/wnode/wnode/vm/module/wasm"
)

// samples are modules of all kinds, the same each time.
func samples() (modules [][]byte) {
	modules = append(modules, kernels.CModule)
	random := rand.NewChaCha8([32]byte{5})
	for range 100 {
		b := make([]byte, 400)
		_, _ = random.Read(b) // which never fails
		m := randmodule.New(b, nil)
		modules = append(modules, m.Encode())
	}
	waits := randmodule.New(make([]byte, 400), nil)
	waits.Imports = append(waits.Imports, wasm.Import{Module: "env", Name: "wait", Kind: wasm.KindFunc, Type: uint32(len(waits.Types))})
	waits.Types = append(waits.Types, wasm.FuncType{Results: []wasm.ValueType{wasm.I32}})
	return append(modules, waits.Encode())
}

func rewritten(t testing.TB, module []byte, state bool) *rewrite.Result {
	t.Helper()
	result, err := rewrite.Module(module, rewrite.Options{State: state, Waits: []string{"env.wait"}})
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// What is kept of a rewritten module is all of it.
func TestEncodedResult(t *testing.T) {
	for _, module := range samples() {
		for _, state := range []bool{false, true} {
			want := rewritten(t, module, state)
			b, err := want.MarshalBinary()
			if err != nil {
				t.Fatal(err)
			}
			got := new(rewrite.Result)
			if err := got.UnmarshalBinary(b); err != nil {
				t.Fatal(err)
			}
			if got, want := fmt.Sprintf("%+v", got), fmt.Sprintf("%+v", want); got != want { // to which nil is as good as empty
				t.Fatalf("got %s\nwant %s", got, want)
			}
		}
	}
}

// Two numbers that change with what the samples are, and with what the rewriter makes of them.
const (
	sampleDigest    = "6846df9414790ee7"
	rewrittenDigest = "8a8df7f5f66e5ad5"
)

// What is kept under a version must be what the rewriter of this version makes.
func TestVersion(t *testing.T) {
	in, out := sha256.New(), sha256.New()
	for _, module := range samples() {
		in.Write(module)
		fmt.Fprintf(out, "%+v", rewritten(t, module, true))
	}
	if got := hex.EncodeToString(in.Sum(nil)[:8]); got != sampleDigest {
		t.Errorf("the samples are others: set sampleDigest to %q", got)
	}
	if got := hex.EncodeToString(out.Sum(nil)[:8]); got != rewrittenDigest {
		t.Errorf("set rewrittenDigest to %q, and if the samples are as they were raise rewrite.Version", got)
	}
}

// What is no encoding is refused, and what is one is encoded again to the same bytes.
func FuzzDecodeResult(f *testing.F) {
	for _, module := range samples()[:8] {
		b, err := rewritten(f, module, true).MarshalBinary()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
		f.Add(b[:len(b)/2])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var r, again rewrite.Result
		if err := r.UnmarshalBinary(b); err != nil {
			if !errors.Is(err, rewrite.ErrEncoding) {
				t.Error(err)
			}
			return
		}
		first, err := r.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		if err := again.UnmarshalBinary(first); err != nil {
			t.Fatal(err)
		}
		if second, err := again.MarshalBinary(); err != nil || !bytes.Equal(first, second) {
			t.Errorf("%v, %x\nthen %x", err, first, second)
		}
	})
}
