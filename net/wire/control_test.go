package wire

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
	"github.com/wnode/wnode/internal/wiredoc"
)

func testHello(name string, id abi.NodeID) Hello {
	return Hello{MinVersion: 1, MaxVersion: 1, Node: id, Name: name, Port: 7369, MaxSignalBytes: DefaultMaxSignalBytes}
}

func genHello() *rapid.Generator[Hello] {
	return rapid.Custom(func(t *rapid.T) Hello {
		versions := rapid.SliceOfN(rapid.Uint16Min(1), 2, 2).Draw(t, "versions")
		slices.Sort(versions)
		features := rapid.SliceOfNDistinct(rapid.StringMatching(`[a-z]{1,8}`), 0, 5, rapid.ID).Draw(t, "features")
		slices.Sort(features)
		if len(features) == 0 {
			features = nil
		}
		return Hello{
			MinVersion:     versions[0],
			MaxVersion:     versions[1],
			Node:           abi.NodeID(rapid.Uint64Min(1).Draw(t, "node")),
			Name:           rapid.StringMatching(`[a-zé]{1,9}@[a-z.]{1,9}`).Draw(t, "name"),
			Port:           rapid.Uint16().Draw(t, "port"),
			Host:           rapid.StringMatching(`[a-z.:]{0,9}`).Draw(t, "host"),
			Features:       features,
			MaxSignalBytes: rapid.Uint64Min(MinSignalBytes).Draw(t, "max"),
		}
	})
}

func genText() *rapid.Generator[string] { return rapid.StringN(0, 40, MaxTextBytes) }

func genFrame() *rapid.Generator[Frame] {
	return rapid.Custom(func(t *rapid.T) Frame {
		token := rapid.Uint64().Draw(t, "token")
		switch FrameType(rapid.IntRange(int(TypeHello), int(TypeGoodbye)).Draw(t, "type")) {
		case TypeHello:
			return genHello().Draw(t, "hello")
		case TypeReady:
			return Ready{}
		case TypeRefuse:
			return Refuse{RefuseCode(rapid.Uint16Min(1).Draw(t, "code")), genText().Draw(t, "text")}
		case TypePing:
			return Ping{token}
		case TypePong:
			return Pong{token}
		}
		return Goodbye{genText().Draw(t, "reason")}
	})
}

func mustFrame(tb testing.TB, f Frame) []byte {
	tb.Helper()
	b, err := AppendFrame(nil, f)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func readOne(b []byte) (Frame, error) { return ReadFrame(bufio.NewReader(bytes.NewReader(b))) }

func TestFrameRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		frames := rapid.SliceOfN(genFrame(), 1, 5).Draw(t, "frames")
		var b []byte
		for _, f := range frames {
			var err error
			if b, err = AppendFrame(b, f); err != nil {
				t.Fatal(err)
			}
		}
		r := bufio.NewReader(bytes.NewReader(b))
		for _, want := range frames {
			got, err := ReadFrame(r)
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Fatalf("read %#v, %v, want %#v", got, err, want)
			}
		}
		if _, err := ReadFrame(r); err != io.EOF {
			t.Fatalf("at the end: %v", err)
		}
	})
}

func TestFrameTruncated(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b, err := AppendFrame(nil, genFrame().Draw(t, "frame"))
		if err != nil {
			t.Fatal(err)
		}
		n := rapid.IntRange(1, len(b)-1).Draw(t, "cut")
		if _, err := readOne(b[:n]); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatalf("%d of %d bytes: %v", n, len(b), err)
		}
	})
}

func rawFrame(t FrameType, body []byte) []byte {
	b := binary.AppendUvarint([]byte{byte(t)}, uint64(len(body)))
	return append(b, body...)
}

// A peer of a later version adds keys and frame types.
func TestFrameVersionSkew(t *testing.T) {
	b := rawFrame(Skippable|40, bytes.Repeat([]byte{0xff}, MaxFrameBytes))
	b = append(b, rawFrame(Skippable, nil)...)
	b = append(b, rawFrame(TypePing, term.MustEncode(map[any]any{int64(1): int64(7), int64(50): "new", "x": nil}))...)
	f, err := readOne(b)
	if err != nil || f != (Ping{7}) {
		t.Errorf("read %#v, %v", f, err)
	}
}

func TestFrameErrors(t *testing.T) {
	hello := func(key int, value any) []byte {
		m := map[any]any{1: 1, 2: 1, 3: 5, 4: "a@b", 8: 1 << 20}
		m[key] = value
		return rawFrame(TypeHello, term.MustEncode(m))
	}
	many := make([]string, MaxFeatures+1)
	for i := range many {
		many[i] = fmt.Sprintf("f%03d", i)
	}
	for name, c := range map[string]struct {
		in   []byte
		want error
	}{
		"unknown type":       {rawFrame(7, []byte{0xa0}), ErrUnknownFrame},
		"type 0":             {rawFrame(0, []byte{0xa0}), ErrUnknownFrame},
		"empty body":         {rawFrame(TypeReady, nil), ErrMalformed},
		"null body":          {rawFrame(TypeReady, []byte{0xf6}), ErrMalformed},
		"array body":         {rawFrame(TypePing, []byte{0x80}), ErrMalformed},
		"two terms":          {rawFrame(TypeReady, []byte{0xa0, 0xa0}), ErrMalformed},
		"duplicate key":      {rawFrame(TypePing, []byte{0xa2, 1, 1, 1, 2}), ErrMalformed},
		"negative token":     {rawFrame(TypePing, []byte{0xa1, 1, 0x20}), ErrMalformed},
		"long length":        {append([]byte{byte(TypePing)}, 0x83, 0x80, 0x00), ErrMalformed},
		"endless length":     {append([]byte{byte(TypePing)}, bytes.Repeat([]byte{0x80}, 20)...), ErrMalformed},
		"too large":          {binary.AppendUvarint([]byte{byte(TypePing)}, MaxFrameBytes+1), ErrFrameTooLarge},
		"too large to skip":  {binary.AppendUvarint([]byte{0xf0}, 1<<63), ErrFrameTooLarge},
		"refuse code 0":      {rawFrame(TypeRefuse, []byte{0xa0}), ErrMalformed},
		"refuse code 2^16":   {rawFrame(TypeRefuse, term.MustEncode(map[int]int{1: 1 << 16})), ErrMalformed},
		"refuse text":        {rawFrame(TypeRefuse, term.MustEncode(map[int]any{1: 1, 2: strings.Repeat("x", MaxTextBytes+1)})), ErrMalformed},
		"goodbye not UTF-8":  {rawFrame(TypeGoodbye, []byte{0xa1, 1, 0x61, 0xff}), ErrMalformed},
		"no versions":        {hello(1, 0), ErrMalformed},
		"versions reversed":  {hello(1, 2), ErrMalformed},
		"node id 0":          {hello(3, 0), ErrMalformed},
		"name without host":  {hello(4, "a@"), ErrMalformed},
		"name without name":  {hello(4, "@b"), ErrMalformed},
		"name with two @":    {hello(4, "a@b@c"), ErrMalformed},
		"name with newline":  {hello(4, "a\n@b"), ErrMalformed},
		"name with a space":  {hello(4, "a b@c"), ErrMalformed},
		"name with escape":   {hello(4, "a\x1b[2J@b"), ErrMalformed},
		"long name":          {hello(4, strings.Repeat("a", MaxNodeNameBytes)+"@b"), ErrMalformed},
		"port 65536":         {hello(5, 1<<16), ErrMalformed},
		"host with newline":  {hello(6, "a\nb"), ErrMalformed},
		"long host":          {hello(6, strings.Repeat("a", MaxHostBytes+1)), ErrMalformed},
		"features unsorted":  {hello(7, []string{"b", "a"}), ErrMalformed},
		"feature twice":      {hello(7, []string{"a", "a"}), ErrMalformed},
		"feature empty":      {hello(7, []string{""}), ErrMalformed},
		"feature long":       {hello(7, []string{strings.Repeat("f", MaxFeatureBytes+1)}), ErrMalformed},
		"too many features":  {hello(7, many), ErrMalformed},
		"signals too little": {hello(8, MinSignalBytes-1), ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			f, err := readOne(c.in)
			var pe *ProtocolError
			if !errors.As(err, &pe) || !errors.Is(err, c.want) || pe.Stream != StreamControl {
				t.Errorf("read %#v, %v, want %v", f, err, c.want)
			}
		})
	}
}

func TestAppendFrameErrors(t *testing.T) {
	for _, f := range []Frame{Hello{}, Refuse{}, Goodbye{strings.Repeat("x", MaxTextBytes+1)}} {
		if b, err := AppendFrame([]byte("x"), f); !errors.Is(err, ErrMalformed) || string(b) != "x" {
			t.Errorf("%v: %q, %v", f.Type(), b, err)
		}
	}
}

func TestReadFrameStreamFailure(t *testing.T) {
	failed := errors.New("connection lost")
	b := mustFrame(t, Ping{1})
	for n := range b {
		r := bufio.NewReader(io.MultiReader(bytes.NewReader(b[:n]), failingReader{failed}))
		_, err := ReadFrame(r)
		var pe *ProtocolError
		if !errors.Is(err, failed) || errors.As(err, &pe) {
			t.Errorf("after %d bytes: %v", n, err)
		}
	}
}

type failingReader struct{ err error }

func (r failingReader) Read([]byte) (int, error) { return 0, r.err }

func TestDialAddress(t *testing.T) {
	for _, c := range []struct {
		port       uint16
		host, seen string
		want       string
	}{
		{7369, "", "10.0.0.1", "10.0.0.1:7369"},
		{7369, "", "fe80::1", "[fe80::1]:7369"},
		{99, "gate.example", "10.0.0.1", "gate.example:99"},
		{0, "gate.example", "10.0.0.1", ""},
	} {
		h := Hello{Port: c.port, Host: c.host}
		if got := h.DialAddress(c.seen); got != c.want {
			t.Errorf("%+v: %q, want %q", c, got, c.want)
		}
	}
}

func TestAgree(t *testing.T) {
	hello := func(from, to uint16, max uint64, features ...string) Hello {
		return Hello{Name: "x@y", MinVersion: from, MaxVersion: to, MaxSignalBytes: max, Features: features}
	}
	for name, c := range map[string]struct {
		a, b Hello
		want Agreement
		err  error
	}{
		"same":        {hello(1, 1, 9, "a"), hello(1, 1, 7, "a"), Agreement{1, []string{"a"}, 7}, nil},
		"greatest":    {hello(1, 5, 9), hello(2, 3, 7), Agreement{3, nil, 7}, nil},
		"touching":    {hello(1, 2, 9), hello(2, 3, 7), Agreement{2, nil, 7}, nil},
		"common":      {hello(1, 1, 9, "a", "c", "d"), hello(1, 1, 7, "b", "c"), Agreement{1, []string{"c"}, 7}, nil},
		"peer is old": {hello(3, 4, 9), hello(1, 2, 7), Agreement{}, ErrVersionMismatch},
		"peer is new": {hello(1, 2, 9), hello(3, 4, 7), Agreement{}, ErrVersionMismatch},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Agree(c.a, c.b)
			if !errors.Is(err, c.err) || !reflect.DeepEqual(got, c.want) {
				t.Errorf("%+v, %v, want %+v, %v", got, err, c.want, c.err)
			}
			back, _ := Agree(c.b, c.a)
			if back.Version != got.Version || !slices.Equal(back.Features, got.Features) {
				t.Errorf("the peer comes to %+v, not %+v", back, got)
			}
		})
	}
	a := Agreement{Features: []string{"b", "d"}}
	if !a.Has("d") || a.Has("c") {
		t.Error("Has is wrong")
	}
}

// DIST-10: the attempt of the node with the greater name survives, whichever side asks.
func TestSurvivor(t *testing.T) {
	for _, c := range []struct{ a, b, want string }{
		{"a@h", "b@h", "b@h"},
		{"a@h", "a@i", "a@i"},
		{"a@h", "aa@h", "aa@h"},
		{"Z@h", "a@h", "a@h"},
		{"z@h", "é@h", "é@h"},
	} {
		if Survivor(c.a, c.b) != c.want || Survivor(c.b, c.a) != c.want {
			t.Errorf("%s and %s: %s", c.a, c.b, Survivor(c.a, c.b))
		}
	}
}

func FuzzControl(f *testing.F) {
	for _, frame := range []Frame{testHello("a@b", 1), Ready{}, Refuse{RefuseSelf, "t"}, Ping{1}, Pong{1 << 63}, Goodbye{"bye"}} {
		f.Add(mustFrame(f, frame))
	}
	for _, e := range wiredoc.Examples(f, "control") {
		f.Add(e.Bytes)
	}
	f.Add(rawFrame(Skippable|1, []byte{1, 2, 3}))
	f.Fuzz(func(t *testing.T, b []byte) {
		r := bufio.NewReader(bytes.NewReader(b))
		for {
			frame, err := ReadFrame(r)
			if err != nil {
				return
			}
			again, err := readOne(mustFrame(t, frame))
			if err != nil || !reflect.DeepEqual(frame, again) {
				t.Fatalf("%#v came back as %#v, %v", frame, again, err)
			}
		}
	})
}
