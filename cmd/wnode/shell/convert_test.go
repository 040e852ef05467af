package shell

import (
	"bytes"
	"math"
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
)

func TestToTerm(t *testing.T) {
	s := newSession(t)
	for _, c := range []struct {
		source string
		want   any
	}{
		{`undefined`, nil},
		{`null`, nil},
		{`false`, false},
		{`5`, int64(5)},
		{`5.0`, int64(5)},
		{`-0`, math.Copysign(0, -1)},
		{`0.5`, 0.5},
		{`2 ** 53 - 1`, int64(maxSafeInteger)},
		{`2 ** 53`, float64(1 << 53)},
		{`5n`, int64(5)},
		{`2n ** 63n`, new(big.Int).Lsh(big.NewInt(1), 63)},
		{`"\ud800"`, "\ufffd"},
		{`[1, , [2]]`, []any{int64(1), nil, []any{int64(2)}}},
		{`({a: 1, 2: undefined, [Symbol()]: 1})`, map[any]any{"a": int64(1), "2": nil}},
		{`Object.create(null)`, map[any]any{}},
		{`new Map([[1, 2], [null, []], ["a", new Map]])`, map[any]any{int64(1): int64(2), nil: []any{}, "a": map[any]any{}}},
		{`new Map([[new Uint8Array([1]), 1]])`, map[any]any{term.ByteString("\x01"): int64(1)}},
		{`new Set([1, 2])`, []any{int64(1), int64(2)}},
		{`new Uint8Array([1, 2]).subarray(1)`, []byte{2}},
		{`new Uint8Array([1, 2]).buffer`, []byte{1, 2}},
		{`new Float64Array([1.5])`, []any{1.5}},
		{`self()`, s.pid},
		{`a = {}; [a, a]`, []any{map[any]any{}, map[any]any{}}},
	} {
		s.do(func() {
			defer s.e.enter(t.Context())()
			v, err := s.e.rt.RunString("(" + c.source + ")")
			if err != nil {
				v, err = s.e.rt.RunString(c.source)
			}
			if err != nil {
				t.Fatal(err)
			}
			got, err := s.e.toTerm(v)
			if err != nil {
				t.Errorf("%s: %v", c.source, err)
				return
			}
			if !bytes.Equal(term.MustEncode(got), term.MustEncode(c.want)) {
				t.Errorf("%s: got %#v, want %#v", c.source, got, c.want)
			}
		})
	}
}

func TestNoTerm(t *testing.T) {
	s := newSession(t)
	for _, c := range []struct{ source, want string }{
		{`Symbol()`, `a symbol is no term`},
		{`() => 1`, `a JavaScript function cannot leave the shell: only wasm functions can, see help(wasm)`},
		{`(a = [], a.push(a), a)`, `a value that contains itself is no term`},
		{`(d = [], Array(200).fill(0).forEach(() => d = [d]), d)`, `a term nested deeper than 128`},
		{`new Date(0)`, `Date is no term: of the objects only arrays, plain objects, Map, Set and Uint8Array are`},
		{`new (class Point {})`, `Point is no term: of the objects only arrays, plain objects, Map, Set and Uint8Array are`},
		{`new Error("x")`, `Error is no term: of the objects only arrays, plain objects, Map, Set and Uint8Array are`},
		{`Array(1e9)`, `a term of more than 4194304 elements`},
		{`2n ** 9000n`, `an integer of more than 1024 bytes`},
		{`new Map([[[], 1]])`, `an array, a map, a tag or a big integer cannot be the key of a map in a term`},
		{`new Map([[NaN, 1]])`, `NaN cannot be the key of a map in a term`},
		{`new Map([[1, 1], [1n, 2]])`, `a map that has a key twice is no term`},
	} {
		s.wants(`try { send(self(), `+c.source+`) } catch (e) { e instanceof TypeError && e.message }`, quote("send: "+c.want))
	}
}

// terms draws terms, among them every kind of key.
func terms() *rapid.Generator[any] {
	keys := []*rapid.Generator[any]{
		rapid.Just[any](nil), rapid.Bool().AsAny(), rapid.Int64().AsAny(), rapid.String().AsAny(),
		rapid.Float64().Filter(func(f float64) bool { return f != math.Trunc(f) || math.Abs(f) > maxSafeInteger }).AsAny(),
		rapid.Custom(func(t *rapid.T) any {
			return abi.Pid{Node: abi.NodeID(rapid.Uint64().Draw(t, "node")), Num: rapid.Uint64().Draw(t, "num")}
		}),
		rapid.Custom(func(t *rapid.T) any { return abi.Ref{Num: rapid.Uint64().Draw(t, "num")} }),
		rapid.Custom(func(t *rapid.T) any { return abi.Function{Name: rapid.StringMatching(`[a-z]*`).Draw(t, "name")} }),
	}
	key := rapid.OneOf(append(keys, rapid.Map(rapid.String(), func(s string) any { return term.ByteString(s) }))...)
	flat := append(keys,
		rapid.SliceOf(rapid.Byte()).AsAny(),
		rapid.SampledFrom([]any{math.NaN(), math.Inf(1), math.Copysign(0, -1), term.SimpleValue(99), "__proto__"}),
		rapid.Map(rapid.SliceOfN(rapid.Byte(), 8, 20), func(b []byte) any { return new(big.Int).SetBytes(append([]byte{1}, b...)) }))
	gen := rapid.OneOf(flat...)
	for range 3 {
		inner := gen
		gen = rapid.OneOf(inner, inner,
			rapid.Map(rapid.SliceOfN(inner, 0, 4), func(l []any) any { return l }),
			rapid.Map(rapid.MapOfN(key, inner, 0, 4), func(m map[any]any) any { return m }),
			rapid.Map(rapid.MapOfN(rapid.OneOf(rapid.String(), rapid.Just("__proto__")).AsAny(), inner, 0, 4), func(m map[any]any) any { return m }),
			rapid.Map(inner, func(v any) any { return term.Tag{Number: 200, Content: v} }))
	}
	return gen
}

// A term that goes through JavaScript is the same term, but for floats that are integers.
func TestTermRoundTrip(t *testing.T) {
	s := newSession(t)
	all := terms()
	s.do(func() {
		rapid.Check(t, func(rt *rapid.T) {
			want := all.Draw(rt, "term")
			v := s.e.fromTerm(want)
			got, err := s.e.toTerm(v)
			if err != nil {
				rt.Fatal(err)
			}
			if !bytes.Equal(term.MustEncode(got), term.MustEncode(want)) {
				rt.Fatalf("got %s, want %s", term.Format(got, nil), term.Format(want, nil))
			}
			if s.e.print(v) == "" {
				rt.Fatal("prints as nothing")
			}
		})
	})
}

func TestIdentity(t *testing.T) {
	s := newSession(t)
	s.do(func() {
		for i := range 10 * minSweep {
			s.e.fromTerm(abi.Ref{Num: uint64(i)})
		}
		s.e.rt.Set("tag", s.e.fromTerm(term.Tag{Number: 5, Content: []any{int64(1)}}))
		s.e.rt.Set("tag2", s.e.fromTerm(term.Tag{Number: 5, Content: []any{int64(1)}}))
	})
	s.wants(`tag.equals(tag2) && !tag.equals(self()) && !tag.equals(1)`, `true`)
	s.wants(`tag`, `5([1])`)
	s.wants(`JSON.stringify([self()]) === JSON.stringify([String(self())])`, `true`)
	s.wants(`new Map([[self(), 1]]).get(self())`, `1`)
	s.wants(`self().x = 1; self().x`, `undefined`)
	s.wants(`tag.equals.call(1)`, `Uncaught TypeError: 1 is not a pid, a ref or a function (input 6, line 1, column 16)`)
	s.wants(`pid("9.1.1")`, `Uncaught Error: pid: 9.1.1 is no process: no node has the number 9 here (input 7, line 1, column 4)`)
	s.do(func() { s.e.rt.Set("other", s.e.fromTerm(abi.Pid{Node: 10, Num: 1})) })
	s.wants(`pid("9.5.1")`, `#PID<9.5.1>`)
	s.wants(`other.node()`, `undefined`)
}
