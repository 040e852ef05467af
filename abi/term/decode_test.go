package term_test

import (
	"bytes"
	"errors"
	"math"
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
)

func TestDecode(t *testing.T) {
	for name, c := range map[string]struct{ hex, want string }{
		"longer than need be":       {"1b 0000000000000001", "int64 1"},
		"big integer within int64":  {"c2 41 01", "int64 1"},
		"negative big, least int64": {"c3 48 7fffffffffffffff", "int64 -9223372036854775808"},
		"big integer of no bytes":   {"c2 40", "int64 0"},
		"big integer in chunks":     {"c2 5f 4101 48 0000000000000000 ff", "*big.Int 18446744073709551616"},
		"beyond int64":              {"1b 8000000000000000", "*big.Int 9223372036854775808"},
		"below int64":               {"3b 8000000000000000", "*big.Int -9223372036854775809"},
		"binary as key":             {"a1 4101 02", "{ByteString 01: int64 2}"},
		"null as key":               {"a1 f6 02", "{nil: int64 2}"},
		"time of no time":           {"c0 63 666f6f", `Tag 0(string "foo")`},
		"time of NaN":               {"c1 f97e00", "Tag 1(float64 NaN)"},
		"half with low exponent":    {"f9 0401", "float64 6.109476089477539e-05"},
		"negative half":             {"f9 bc00", "float64 -1"},
		"pid in chunks":             {"d97774 5f 48 0100000000000000 48 0200000000000000 ff", `abi.Pid abi.Pid{Node:0x1, Num:0x2}`},
		"text in chunks":            {"7f 6161 60 6162 ff", `string "ab"`},
	} {
		t.Run(name, func(t *testing.T) {
			v, err := term.Decode(unhex(t, c.hex))
			if err != nil {
				t.Fatal(err)
			}
			if got := dump(t, v); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestDecodeRefuses(t *testing.T) {
	hash := strings.Repeat("00", abi.HashSize)
	for name, s := range map[string]string{
		"nothing":                         "",
		"rest":                            "00 00",
		"reserved 28":                     "1c",
		"reserved 30":                     "fe",
		"integer of indefinite length":    "1f",
		"tag of indefinite length":        "df 00",
		"break alone":                     "ff",
		"break as element":                "81 ff",
		"break as value":                  "bf 01 ff",
		"head cut short":                  "19 01",
		"text cut short":                  "62 61",
		"binary longer than memory":       "5b ffffffffffffffff",
		"array longer than memory":        "9b ffffffffffffffff",
		"map longer than memory":          "bb ffffffffffffffff",
		"array cut short":                 "82 01",
		"indefinite array cut short":      "9f 01",
		"indefinite text cut short":       "7f 6161",
		"tag without content":             "c1",
		"text not UTF-8":                  "61 ff",
		"character split between chunks":  "7f 61c3 61bc ff",
		"binary chunk in text":            "7f 4161 ff",
		"chunk of indefinite length":      "5f 5f 4101 ff ff",
		"number in text":                  "7f 01 ff",
		"false in two bytes":              "f8 14",
		"simple value 24":                 "f8 18",
		"key twice":                       "a2 01 02 01 03",
		"key twice, written otherwise":    "a2 01 02 1801 03",
		"key twice, big integer":          "a2 01 02 c24101 03",
		"key twice, indefinite":           "bf 6161 01 6161 02 ff",
		"binary as key twice":             "a2 4101 02 4101 02",
		"array as key":                    "a1 80 01",
		"map as key":                      "a1 a0 01",
		"NaN as key":                      "a1 f97e00 01",
		"big integer as key":              "a1 c249010000000000000000 01",
		"tag as key":                      "a1 c1 00 01",
		"pid of 15 bytes":                 "d97774 4f" + strings.Repeat("00", 15),
		"pid of 17 bytes":                 "d97774 51" + strings.Repeat("00", 17),
		"pid of text":                     "d97774 60",
		"pid of null":                     "d97774 f6",
		"ref of no bytes":                 "d97775 40",
		"function of 31 bytes":            "d97776 581f" + hash[2:],
		"function without separator":      "d97776 5820" + hash,
		"function with two separators":    "d97776 5822" + hash + "0000",
		"function whose name is no UTF-8": "d97776 5822" + hash + "00ff",
		"function with a name too long":   "d97776 590421" + hash + "00" + strings.Repeat("61", 1024),
		"big integer of text":             "c2 60",
		"big integer too big":             "c2 590401" + strings.Repeat("01", term.MaxBigIntBytes+1),
	} {
		t.Run(name, func(t *testing.T) {
			v, err := term.Decode(unhex(t, s))
			if !errors.Is(err, term.ErrMalformed) {
				t.Fatalf("got %v, %v, want ErrMalformed", v, err)
			}
		})
	}
}

func TestDecodeDepth(t *testing.T) {
	for name, c := range map[string]struct{ open, shut string }{
		"arrays":            {"\x81", ""},
		"indefinite arrays": {"\x9f", "\xff"},
		"maps":              {"\xa1\x01", ""},
		"tags":              {"\xd8\x20", ""},
	} {
		nested := func(depth int) []byte {
			return []byte(strings.Repeat(c.open, depth) + "\x01" + strings.Repeat(c.shut, depth))
		}
		v, err := term.Decode(nested(term.MaxDepth))
		if err != nil {
			t.Errorf("%s: %d deep: %v", name, term.MaxDepth, err)
		}
		if text := term.Format(v, nil); !strings.Contains(text, "1") || strings.Contains(text, "...") {
			t.Errorf("%s: %d deep prints as %s", name, term.MaxDepth, text)
		}
		for _, depth := range []int{term.MaxDepth + 1, 100_000} {
			if _, err := term.Decode(nested(depth)); !errors.Is(err, term.ErrMalformed) {
				t.Errorf("%s: %d deep: %v, want ErrMalformed", name, depth, err)
			}
		}
	}
}

// A decoded term must not change when the buffer that it was read from does.
func TestDecodeKeepsNothing(t *testing.T) {
	b := unhex(t, "82 6161 4101")
	v, err := term.Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	clear(b)
	if got := dump(t, v); got != `[string "a", []byte 01]` {
		t.Errorf("got %s", got)
	}
}

// terms draws any term, containers of containers among them.
func terms() *rapid.Generator[any] {
	id := rapid.Custom(func(t *rapid.T) abi.Pid {
		return abi.Pid{Node: abi.NodeID(rapid.Uint64().Draw(t, "node")), Num: rapid.Uint64().Draw(t, "num")}
	})
	name := rapid.StringMatching(`[^\x00]{0,20}`)
	function := rapid.Custom(func(t *rapid.T) abi.Function {
		return abi.Function{
			Module: abi.Hash(rapid.SliceOfN(rapid.Byte(), abi.HashSize, abi.HashSize).Draw(t, "hash")),
			Export: name.Draw(t, "export"), Name: name.Draw(t, "name"),
		}
	})
	keys := []*rapid.Generator[any]{
		rapid.Just[any](nil), rapid.Bool().AsAny(), rapid.Int64().AsAny(), rapid.String().AsAny(),
		rapid.Float64().AsAny(), id.AsAny(), function.AsAny(),
		rapid.Map(id, func(p abi.Pid) any { return abi.Ref(p) }),
		rapid.Map(rapid.IntRange(0, 19), func(n int) any { return term.SimpleValue(n) }),
	}
	key := rapid.OneOf(append(keys, rapid.Map(rapid.String(), func(s string) any { return term.ByteString(s) }))...)
	flat := append(keys,
		rapid.SliceOf(rapid.Byte()).AsAny(),
		rapid.SampledFrom([]any{math.NaN(), math.Inf(1), math.Inf(-1)}),
		rapid.Map(rapid.SliceOfN(rapid.Byte(), 9, 40), func(b []byte) any {
			return new(big.Int).SetBytes(append([]byte{1}, b...))
		}))
	all := rapid.OneOf(flat...)
	for range 3 {
		inner := all
		all = rapid.OneOf(inner, inner,
			rapid.Map(rapid.SliceOfN(inner, 0, 5), func(l []any) any { return l }),
			rapid.Map(rapid.MapOfN(key, inner, 0, 5), func(m map[any]any) any { return m }),
			rapid.Custom(func(t *rapid.T) any {
				return term.Tag{Number: rapid.Uint64Range(100, 1000).Draw(t, "tag"), Content: inner.Draw(t, "content")}
			}))
	}
	return all
}

func TestRoundTrip(t *testing.T) {
	all := terms()
	rapid.Check(t, func(rt *rapid.T) {
		v := all.Draw(rt, "term")
		b, err := term.Encode(v)
		if err != nil {
			rt.Fatal(err)
		}
		again, err := term.Decode(b)
		if err != nil {
			rt.Fatalf("%x: %v", b, err)
		}
		if got, want := dump(t, again), dump(t, v); got != want {
			rt.Fatalf("got %s, want %s", got, want)
		}
		if term.Format(v, nil) != term.Format(again, nil) {
			rt.Fatalf("prints as %s, before as %s", term.Format(again, nil), term.Format(v, nil))
		}
		for n := range b {
			if _, err := term.Decode(b[:n]); err == nil {
				rt.Fatalf("%x decodes, though cut short", b[:n])
			}
		}
	})
}

// FuzzDecode: whatever comes in, Decode gives a term or ErrMalformed; a term prints, encodes, and
// decodes to the term that it was.
func FuzzDecode(f *testing.F) {
	for _, v := range []any{
		[]any{"DOWN", abi.Ref{Node: 1, Num: 2}, "process", abi.Pid{Node: 3, Num: 4}, "normal"},
		map[any]any{"function": abi.Function{Export: "_start"}, term.ByteString("k"): 1.5, int64(-5): nil},
		term.Tag{Number: 0, Content: "2013-03-21T20:04:00Z"},
		new(big.Int).Lsh(big.NewInt(-3), 80),
	} {
		f.Add(term.MustEncode(v))
	}
	for _, s := range []string{"9f018202039f0405ffff", "bf61610161629f0203ffff", "5f42010243030405ff", "f8ff", "f97e00", "c11a514b67b0", "9bffffffffffffffff"} {
		f.Add(unhex(f, s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := term.Decode(b)
		if err != nil {
			if !errors.Is(err, term.ErrMalformed) {
				t.Fatalf("%v does not wrap ErrMalformed", err)
			}
			return
		}
		want := dump(t, v)
		term.Format(v, nil)
		encoded, err := term.Encode(v)
		if err != nil {
			t.Fatalf("encoding %s: %v", want, err)
		}
		again, err := term.Decode(encoded)
		if err != nil {
			t.Fatalf("decoding %x: %v", encoded, err)
		}
		if got := dump(t, again); got != want {
			t.Fatalf("got %s, want %s", got, want)
		}
		if twice, _ := term.Encode(again); !bytes.Equal(twice, encoded) {
			t.Fatalf("encodes to %x, then to %x", encoded, twice)
		}
	})
}

// What must be understood as a whole is refused for a key too many, wherever that is.
func TestDecodeKnown(t *testing.T) {
	type inner struct {
		A int `cbor:"1,keyasint"`
	}
	type outer struct {
		In inner `cbor:"1,keyasint"`
		B  bool  `cbor:"2,keyasint"`
	}
	for name, c := range map[string]struct {
		in   any
		want error
	}{
		"all known":   {map[int]any{1: map[int]any{1: 7}, 2: true}, nil},
		"less":        {map[int]any{}, nil},
		"one outside": {map[int]any{1: map[int]any{1: 7}, 3: true}, term.ErrUnknownKey},
		"one inside":  {map[int]any{1: map[int]any{1: 7, -1: 7}}, term.ErrUnknownKey},
		"a text":      {map[any]any{"b": true}, term.ErrUnknownKey},
		"another":     {map[int]any{1: 5}, term.ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			var v outer
			err := term.DecodeKnown(term.MustEncode(c.in), &v)
			if !errors.Is(err, c.want) || (err != nil) != errors.Is(err, term.ErrMalformed) {
				t.Errorf("%v, want %v", err, c.want)
			}
		})
	}
}
