package shell

import (
	"strings"
	"testing"
)

func TestPrint(t *testing.T) {
	s := newSession(t)
	for _, c := range []struct{ source, want string }{
		{`undefined`, `undefined`},
		{`null`, `null`},
		{`true`, `true`},
		{`-0`, `-0`},
		{`1e21`, `1e+21`},
		{`0.1 + 0.2`, `0.30000000000000004`},
		{`NaN`, `NaN`},
		{`-1 / 0`, `-Infinity`},
		{`2n ** 70n`, `1180591620717411303424n`},
		{`"a\"b\\\n\x1b[2J" + "\u{202e}grün"`, `"a\"b\\\n\x1b[2J\u{202e}grün"`},
		{`Symbol("s")`, `Symbol(s)`},
		{`[]`, `[]`},
		{`[1, [2, "x"], , {a: {}}]`, `[1, [2, "x"], undefined, {a: {}}]`},
		{`({a: 1, "b c": 2, 3: 4, __proto__: null})`, `{"3": 4, a: 1, "b c": 2}`},
		{`new Map([[1, "a"], [{}, []]])`, `Map {1 => "a", {} => []}`},
		{`new Set([1, "a"])`, `Set {1, "a"}`},
		{`new Uint8Array([1, 2])`, `Uint8Array(2) [1, 2]`},
		{`new Float64Array([1.5])`, `Float64Array(1) [1.5]`},
		{`new ArrayBuffer(3)`, `ArrayBuffer(3)`},
		{`new Date(0)`, `Date 1970-01-01T00:00:00.000Z`},
		{`new Date(NaN)`, `Date (invalid)`},
		{`/a b/g`, `/a b/g`},
		{`new TypeError("no")`, `[TypeError: no]`},
		{`(class Wrong extends Error {}, new Error)`, `[Error]`},
		{`new Error({toString() { throw 1 }}.x)`, `[Error]`},
		{`function f() {} f`, `[Function: f]`},
		{`() => 1`, `[Function (anonymous)]`},
		{`(class A {})`, `[class A]`},
		{`self`, `[Function: self]`},
		{`Node.connect`, `[Function: Node.connect]`},
		{`class P { constructor() { this.x = 1 } } new P`, `P {x: 1}`},
		{`new Promise(() => {})`, `Promise {pending}`},
		{`p = Promise.reject(1); p.catch(() => 0); p`, `Promise {rejected: 1}`},
		{`new Proxy({}, {get() { throw 1 }})`, `Proxy {}`},
		{`({get x() { throw 1 }, y: 1})`, `{x: [Getter], y: 1}`},
		{`a = [1]; a.push(a); a`, `[1, [Circular]]`},
		{`a = {x: 1}; [a, a]`, `[{x: 1}, {x: 1}]`},
		{`new Proxy([], {})`, `Proxy {}`},
		{`Array(1000).fill(1).length && "x".repeat(3)`, `"xxx"`},
		{`Array.from({length: 30}, (_, i) => i * 1000)`, "[\n  0, 1000, 2000, 3000, 4000, 5000, 6000, 7000, 8000, 9000, 10000, 11000, 12000,\n" +
			"  13000, 14000, 15000, 16000, 17000, 18000, 19000, 20000, 21000, 22000, 23000,\n  24000, 25000, 26000, 27000, 28000, 29000\n]"},
		{`({name: "x".repeat(40), other: {list: ["y".repeat(40), "z".repeat(40)]}})`, "{\n  name: \"" + strings.Repeat("x", 40) +
			"\",\n  other: {\n    list: [\n      \"" + strings.Repeat("y", 40) + "\",\n      \"" + strings.Repeat("z", 40) + "\"\n    ]\n  }\n}"},
		{`Object.prototype.toString.call(1); Math`, `{}`},
	} {
		s.wants(c.source, c.want)
	}
}

// A value without end is printed to some extent.
func TestPrintBounds(t *testing.T) {
	s := newSession(t)
	deep := s.eval(`d = []; for (i = 0; i < 1000; i++) d = [d]; d`)
	if want := strings.Repeat("[", printDepth) + "[...]" + strings.Repeat("]", printDepth); deep != want {
		t.Errorf("got %s", deep)
	}
	if got := s.eval(`Array(1e5).fill("abc")`); !strings.HasSuffix(got, "... 99950 more\n]") {
		t.Errorf("got %s", got)
	}
	if got := s.eval(`w = []; for (i = 0; i < 6; i++) w = Array(100).fill(w); w`); len(got) > 8*printBytes {
		t.Errorf("%d bytes", len(got))
	}
}

// IO.inspect shows as much of a value as it is told.
func TestInspectLimit(t *testing.T) {
	s := newSession(t)
	for _, c := range []struct{ source, want string }{
		{`IO.inspect([1, 2, 3], {limit: 2})`, "[1, 2, ... 1 more]\n"},
		{`IO.inspect({a: 1, b: [1, 2]}, {limit: 1})`, "{a: 1, ... 1 more}\n"},
		{`IO.inspect(new Set([1, 2]), {limit: 0})`, "Set {... 2 more}\n"},
	} {
		s.eval(c.source)
		if got := s.device.take(); got != c.want {
			t.Errorf("%s writes %q, want %q", c.source, got, c.want)
		}
	}
	s.eval(`IO.inspect(Array(20000).fill("abc"), {limit: Infinity})`)
	if got := s.device.take(); strings.Count(got, `"abc"`) != 20000 || strings.Contains(got, "more") {
		t.Errorf("%d of 20000 elements are shown", strings.Count(got, `"abc"`))
	}
	for _, options := range []string{"{}", "{limit: -1}", "{limit: NaN}", `{limit: "all"}`} {
		if got := s.eval("IO.inspect(1, " + options + ")"); !strings.HasPrefix(got, "Uncaught TypeError: IO.inspect: argument 2 must be an object {limit: n}") {
			t.Errorf("%s gives %s", options, got)
		}
	}
}

// The mark is below the mistake, however long the line is and whatever stands before it.
func TestExcerpt(t *testing.T) {
	long := strings.Repeat("x+", 100)
	for _, c := range []struct{ source, want string }{
		{"a b", "\n  a b\n    ^"},
		{"1 +\n\t水 水", "\n  \t水 水\n  \t   ^"},
		{"(\n\n", ""},
		{long + "1 2" + long, "\n  ..." + long[len(long)-34:] + "1 " + "2" + long[:32] + "...\n  " + strings.Repeat(" ", 39) + "^"},
	} {
		s := newSession(t)
		got := s.eval(c.source)
		if _, got, _ = strings.Cut(got, ")"); got != c.want {
			t.Errorf("%q gives\n%q, want\n%q", c.source, got, c.want)
		}
	}
}
