package term_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"math/big"
	"os"
	"strings"
	"testing"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
)

// TestAppendixA checks every example of RFC 8949 appendix A: what it decodes to, and, where its
// encoding is the deterministic one, that Encode gives it back.
func TestAppendixA(t *testing.T) {
	text, err := os.ReadFile("testdata/rfc8949_appendix_a.json")
	if err != nil {
		t.Fatal(err)
	}
	var examples []struct {
		Hex           string
		Term          string
		Deterministic bool
	}
	if err := json.Unmarshal(text, &examples); err != nil {
		t.Fatal(err)
	}
	if len(examples) != 81 {
		t.Fatalf("%d examples, want 81", len(examples))
	}
	for _, e := range examples {
		t.Run(e.Hex, func(t *testing.T) {
			b := unhex(t, e.Hex)
			v, err := term.Decode(b)
			if err != nil {
				t.Fatal(err)
			}
			if got := dump(t, v); got != e.Term {
				t.Errorf("got %s, want %s", got, e.Term)
			}
			again, err := term.Encode(v)
			if err != nil {
				t.Fatal(err)
			}
			if bytes.Equal(again, b) != e.Deterministic {
				t.Errorf("encoded again: %x, want the same: %t", again, e.Deterministic)
			}
		})
	}
}

func TestEncode(t *testing.T) {
	pid := abi.Pid{Node: 0x0102030405060708, Num: 9}
	ref := abi.Ref{Node: 1, Num: 2}
	function := abi.Function{Module: abi.Hash{0xaa}, Export: "_start", Name: "x.wasm"}
	for name, c := range map[string]struct {
		term any
		want string
	}{
		"pid":              {pid, "d97774 50 0807060504030201 0900000000000000"},
		"ref":              {ref, "d97775 50 0100000000000000 0200000000000000"},
		"function":         {function, "d97776 582d aa" + strings.Repeat("00", 31) + "5f7374617274 00 782e7761736d"},
		"pid as key":       {map[any]any{pid: nil}, "a1 d97774 50 0807060504030201 0900000000000000 f6"},
		"binary as key":    {map[any]any{term.ByteString("\x01"): nil}, "a1 4101 f6"},
		"keys in order":    {map[any]any{"b": 1, int64(10): 2, "aa": 3, false: 4, int64(-1): 5}, "a5 0a02 2005 616201 62616103 f404"},
		"go integers":      {[]any{int8(-1), uint16(300), 7}, "83 20 19012c 07"},
		"unsigned":         {uint64(math.MaxUint64), "1b ffffffffffffffff"},
		"small big int":    {big.NewInt(5), "05"},
		"typed slice":      {[]string{"a"}, "81 6161"},
		"nil slice":        {[]any(nil), "80"},
		"nil binary":       {[]byte(nil), "40"},
		"nil map":          {map[string]any(nil), "a0"},
		"shortest float":   {0.5, "f9 3800"},
		"single float":     {float64(float32(0.1)), "fa 3dcccccd"},
		"any NaN":          {math.Float64frombits(0x7ff8000000000001), "f9 7e00"},
		"negative inf":     {math.Inf(-1), "f9 fc00"},
		"raw":              {[]any{term.Raw{0x01}, nil}, "82 01 f6"},
		"struct":           {struct{ A, B int }{1, 2}, "a2 614101 614202"},
		"beyond 64 bits":   {new(big.Int).Lsh(big.NewInt(1), 64), "c2 49 010000000000000000"},
		"least int64":      {int64(math.MinInt64), "3b 7fffffffffffffff"},
		"time tag kept":    {term.Tag{Number: 1, Content: int64(0)}, "c1 00"},
		"reason of a trap": {[]any{"unreachable", []any{}}, "82 6b 756e726561636861626c65 80"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := term.Encode(c.term)
			if err != nil {
				t.Fatal(err)
			}
			if want := unhex(t, c.want); !bytes.Equal(got, want) {
				t.Errorf("got %x, want %x", got, want)
			}
		})
	}
}

func TestEncodeRefuses(t *testing.T) {
	for name, v := range map[string]any{
		"channel":           make(chan int),
		"function":          func() {},
		"bad function name": abi.Function{Export: "a\x00b"},
	} {
		if b, err := term.Encode(v); err == nil {
			t.Errorf("%s: encoded to %x", name, b)
		}
	}
}

func TestMustEncode(t *testing.T) {
	if got := term.MustEncode([]any{"tick", 1}); !bytes.Equal(got, unhex(t, "82 64 7469636b 01")) {
		t.Errorf("got %x", got)
	}
	defer func() {
		if recover() == nil {
			t.Error("MustEncode of a channel did not panic")
		}
	}()
	term.MustEncode(make(chan int))
}

// DOWN messages and requests are read into structs; parts that may be any term stay encoded.
func TestDecodeInto(t *testing.T) {
	pid, ref := abi.Pid{Node: 1, Num: 2}, abi.Ref{Node: 3, Num: 4}
	var down struct {
		_      struct{} `cbor:",toarray"`
		Tag    string
		Ref    abi.Ref
		Kind   string
		Pid    abi.Pid
		Reason term.Raw
	}
	if err := term.DecodeInto(term.MustEncode([]any{"DOWN", ref, "process", pid, "normal"}), &down); err != nil {
		t.Fatal(err)
	}
	reason, err := term.Decode(down.Reason)
	if down.Tag != "DOWN" || down.Ref != ref || down.Kind != "process" || down.Pid != pid || reason != "normal" || err != nil {
		t.Errorf("got %+v, reason %v, %v", down, reason, err)
	}
	for name, b := range map[string][]byte{
		"a pid where a ref belongs": term.MustEncode([]any{"DOWN", pid, "process", pid, "normal"}),
		"too short":                 term.MustEncode([]any{"DOWN"}),
		"truncated":                 {0x85, 0x64},
		"empty":                     nil,
	} {
		if err := term.DecodeInto(b, &down); !errors.Is(err, term.ErrMalformed) {
			t.Errorf("%s: %v, want ErrMalformed", name, err)
		}
	}
}
