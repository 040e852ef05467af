package wire

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/internal/wiredoc"
)

const (
	here  abi.NodeID = 0x1111111111111111 // sends
	there abi.NodeID = 0x2222222222222222 // receives
)

func newDecoder(b []byte) *Decoder {
	return NewDecoder(bytes.NewReader(b), DecoderOptions{Local: there, Remote: here})
}

func genRef() *rapid.Generator[abi.Ref] {
	return rapid.Custom(func(t *rapid.T) abi.Ref {
		node := rapid.OneOf(rapid.SampledFrom([]abi.NodeID{0, here, there}), rapid.Map(rapid.Uint64(), func(n uint64) abi.NodeID { return abi.NodeID(n) })).Draw(t, "node")
		return abi.Ref{Node: node, Num: rapid.Uint64().Draw(t, "num")}
	})
}

func genSignal() *rapid.Generator[abi.Signal] {
	return rapid.Custom(func(t *rapid.T) abi.Signal {
		sig := abi.Signal{
			Kind: abi.SignalKind(rapid.Uint8Min(1).Draw(t, "kind")),
			To:   abi.Pid{Node: there, Num: rapid.Uint64().Draw(t, "to")},
			Ref:  genRef().Draw(t, "ref"),
			Data: rapid.SliceOf(rapid.Byte()).Draw(t, "data"),
		}
		if rapid.Bool().Draw(t, "has sender") {
			sig.From = abi.Pid{Node: here, Num: rapid.Uint64().Draw(t, "from")}
		}
		if rapid.Bool().Draw(t, "by name") {
			sig.To.Num = 0
			sig.Name = rapid.StringN(0, -1, MaxNameBytes).Draw(t, "name")
		}
		if len(sig.Data) == 0 {
			sig.Data = nil
		}
		return sig
	})
}

func TestSignalRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		signals := rapid.SliceOfN(genSignal(), 1, 5).Draw(t, "signals")
		var b []byte
		for _, sig := range signals {
			if err := CheckSignal(sig, DefaultMaxSignalBytes); err != nil {
				t.Fatal(err)
			}
			b = AppendSignal(b, sig, here, there)
		}
		d := newDecoder(b)
		for _, want := range signals {
			got, err := d.Next()
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Fatalf("read %+v, %v, want %+v", got, err, want)
			}
		}
		if _, err := d.Next(); err != io.EOF {
			t.Fatalf("at the end: %v", err)
		}
	})
}

func TestSignalTruncated(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := AppendSignal(nil, genSignal().Draw(t, "signal"), here, there)
		n := rapid.IntRange(1, len(b)-1).Draw(t, "cut")
		if _, err := newDecoder(b[:n]).Next(); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatalf("%d of %d bytes: %v", n, len(b), err)
		}
		// The same when the length claims no more than there is.
		_, skip := binary.Uvarint(b)
		if n > skip {
			body := b[skip:n]
			short := append(binary.AppendUvarint(nil, uint64(len(body))), body...)
			sig, err := newDecoder(short).Next()
			if err == nil && !bytes.Equal(AppendSignal(nil, sig, here, there), short) {
				t.Fatalf("% x was read as %+v", short, sig)
			}
		}
	})
}

// The layout, byte by byte: it is a contract between versions.
func TestSignalLayout(t *testing.T) {
	sig := abi.Signal{
		Kind: abi.SignalMonitor,
		From: abi.Pid{Node: here, Num: 5},
		To:   abi.Pid{Node: there},
		Name: "io",
		Ref:  abi.Ref{Node: 3, Num: 300},
		Data: []byte{0xaa},
	}
	want := []byte{
		18, 7, 1<<0 | 2<<2 | 3<<4 | 1<<6,
		5, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0xac, 2, 2, 'i', 'o', 0xaa,
	}
	if got := AppendSignal(nil, sig, here, there); !bytes.Equal(got, want) {
		t.Errorf("got  % x\nwant % x", got, want)
	}
	small := abi.Signal{Kind: abi.SignalMessage, From: abi.Pid{Node: here, Num: 100}, To: abi.Pid{Node: there, Num: 101}}
	if got := AppendSignal(nil, small, here, there); len(got) != 5 {
		t.Errorf("the least message takes %d bytes", len(got))
	}
}

func body(b ...byte) []byte { return append(binary.AppendUvarint(nil, uint64(len(b))), b...) }

func TestDecoderErrors(t *testing.T) {
	id := func(n abi.NodeID) []byte { return binary.LittleEndian.AppendUint64(nil, uint64(n)) }
	const toHere = 2 << shiftTo
	name := func(s string) []byte {
		return body(append([]byte{1, toHere | flagName, 0, byte(len(s))}, s...)...)
	}
	for label, c := range map[string]struct {
		in   []byte
		want error
	}{
		"empty":                {body(), ErrMalformed},
		"kind only":            {body(1), ErrMalformed},
		"kind 0":               {body(0, toHere, 9), ErrMalformed},
		"in parts, no lane":    {body(1, toHere|flagPart, 9), ErrMalformed},
		"number missing":       {body(1, toHere), ErrMalformed},
		"number cut":           {body(1, toHere, 0x80), ErrMalformed},
		"number too long":      {body(1, toHere, 0x85, 0x00), ErrMalformed},
		"number beyond 64":     {body(append([]byte{1, toHere}, bytes.Repeat([]byte{0xff}, 10)...)...), ErrMalformed},
		"name missing":         {body(1, toHere|flagName, 0), ErrMalformed},
		"name cut":             {body(1, toHere|flagName, 0, 3, 'a'), ErrMalformed},
		"name empty":           {name(""), ErrMalformed},
		"name not UTF-8":       {name("\xff"), ErrMalformed},
		"name too long":        {body(append([]byte{1, toHere | flagName, 0, 0x80, 2}, make([]byte, 256)...)...), ErrMalformed},
		"name beside a number": {body(1, toHere|flagName, 5, 1, 'a'), ErrMalformed},
		"long form of sender":  {body(append(append([]byte{1, formOther | toHere}, id(here)...), 1, 2)...), ErrMalformed},
		"long form of zero":    {body(append([]byte{1, toHere | formOther<<shiftRef, 2}, make([]byte, 9)...)...), ErrMalformed},
		"node id cut":          {body(1, toHere|formOther<<shiftRef, 2, 1, 2, 3), ErrMalformed},
		"length too long":      {[]byte{0x83, 0x80, 0x00}, ErrMalformed},
		"length endless":       {bytes.Repeat([]byte{0xff}, 11), ErrMalformed},
		"length 2^64-1":        {binary.AppendUvarint(nil, math.MaxUint64), ErrFrameTooLarge},
		"no receiver":          {body(1, 0), ErrMisrouted},
		"receiver of sender":   {body(1, formHere<<shiftTo, 5), ErrMisrouted},
		"sender of receiver":   {body(1, formThere|toHere, 5, 5), ErrMisrouted},
		"sender of a third":    {body(append(append([]byte{1, formOther | toHere}, id(7)...), 1, 2)...), ErrMisrouted},
	} {
		t.Run(label, func(t *testing.T) {
			sig, err := newDecoder(c.in).Next()
			var pe *ProtocolError
			if !errors.As(err, &pe) || !errors.Is(err, c.want) || pe.Stream != StreamSignals {
				t.Errorf("read %+v, %v, want %v", sig, err, c.want)
			}
		})
	}
}

func TestDecoderLimit(t *testing.T) {
	for _, max := range []int{1, 1000, 1 << 20} {
		for _, n := range []int{max, max + 1, max + maxHeader + 1} {
			b := AppendSignal(nil, abi.Signal{Kind: 1, To: abi.Pid{Node: there, Num: 1}, Data: make([]byte, n)}, here, there)
			d := NewDecoder(bytes.NewReader(b), DecoderOptions{Local: there, Remote: here, MaxSignalBytes: uint64(max)})
			sig, err := d.Next()
			if n <= max && (err != nil || len(sig.Data) != n) || n > max && !errors.Is(err, ErrFrameTooLarge) {
				t.Errorf("%d bytes, at most %d: %v", n, max, err)
			}
		}
	}
	// The greatest limit there is wraps nowhere.
	d := NewDecoder(bytes.NewReader(binary.AppendUvarint(nil, math.MaxUint64)), DecoderOptions{MaxSignalBytes: math.MaxUint64})
	if _, err := d.Next(); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("length 2^64-1 without a limit: %v", err)
	}
}

// A claimed length alone makes the decoder allocate little.
func TestDecoderClaim(t *testing.T) {
	claim := binary.AppendUvarint(nil, DefaultMaxSignalBytes)
	claim = append(claim, 1, formThere<<shiftTo, 1)
	claim = append(claim, make([]byte, maxHeader)...)
	r := testing.Benchmark(func(b *testing.B) {
		for b.Loop() {
			if _, err := newDecoder(claim).Next(); !errors.Is(err, io.ErrUnexpectedEOF) {
				b.Fatal(err)
			}
		}
	})
	if got := r.AllocedBytesPerOp(); got > 4*firstRead {
		t.Errorf("%d bytes allocated for a claim", got)
	}
}

func TestDecoderStreamFailure(t *testing.T) {
	failed := errors.New("connection lost")
	b := AppendSignal(nil, abi.Signal{Kind: 1, To: abi.Pid{Node: there, Num: 1}, Data: make([]byte, 500)}, here, there)
	for n := range b {
		r := io.MultiReader(bytes.NewReader(b[:n]), failingReader{failed})
		_, err := NewDecoder(r, DecoderOptions{Local: there, Remote: here}).Next()
		var pe *ProtocolError
		if !errors.Is(err, failed) || errors.As(err, &pe) {
			t.Fatalf("after %d bytes: %v", n, err)
		}
	}
}

// The names that are remembered are bounded, and right after they were dropped.
func TestDecoderNames(t *testing.T) {
	var b []byte
	for i := range 3 * maxNames {
		b = AppendSignal(b, abi.Signal{Kind: 1, To: abi.Pid{Node: there}, Name: fmt.Sprint("n", i)}, here, there)
	}
	d := newDecoder(b)
	for i := range 3 * maxNames {
		sig, err := d.Next()
		if err != nil || sig.Name != fmt.Sprint("n", i) || len(d.names) > maxNames {
			t.Fatalf("signal %d to %q, %d names kept, %v", i, sig.Name, len(d.names), err)
		}
	}
}

func TestCheckSignal(t *testing.T) {
	for name, c := range map[string]struct {
		sig  abi.Signal
		want error
	}{
		"good":       {abi.Signal{Kind: 1, Data: make([]byte, 8)}, nil},
		"large":      {abi.Signal{Kind: 1, Data: make([]byte, 9)}, abi.ErrTooLarge},
		"long name":  {abi.Signal{Kind: 1, Name: strings.Repeat("n", MaxNameBytes+1)}, abi.ErrTooLarge},
		"not a text": {abi.Signal{Kind: 1, Name: "\xff"}, abi.ErrBadArgument},
		"kind 0":     {abi.Signal{}, abi.ErrBadArgument},
	} {
		if err := CheckSignal(c.sig, 8); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

// One reader after another may use the same buffered stream.
func TestDecoderKeepsBufferedReader(t *testing.T) {
	sig := abi.Signal{Kind: 1, To: abi.Pid{Node: there, Num: 1}}
	r := bufio.NewReader(bytes.NewReader(append(AppendSignal(nil, sig, here, there), "rest"...)))
	if _, err := NewDecoder(r, DecoderOptions{Local: there, Remote: here}).Next(); err != nil {
		t.Fatal(err)
	}
	if rest, _ := io.ReadAll(r); string(rest) != "rest" {
		t.Errorf("left %q", rest)
	}
}

func FuzzSignal(f *testing.F) {
	pid := func(n abi.NodeID) abi.Pid { return abi.Pid{Node: n, Num: 1 << 40} }
	for _, sig := range []abi.Signal{
		{Kind: abi.SignalMessage, From: pid(here), To: pid(there), Data: []byte("hello")},
		{Kind: abi.SignalSpawnRequest, From: pid(here), To: abi.Pid{Node: there}, Ref: abi.Ref{Node: here, Num: 9}},
		{Kind: abi.SignalDown, To: pid(there), Ref: abi.Ref{Node: 99, Num: 1}, Data: make([]byte, 400)},
		{Kind: abi.SignalMessage, To: abi.Pid{Node: there}, Name: "name", Data: []byte{1}},
	} {
		f.Add(AppendSignal(nil, sig, here, there))
	}
	for _, e := range wiredoc.Examples(f, "signal") {
		f.Add(e.Bytes)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		d := NewDecoder(bytes.NewReader(b), DecoderOptions{Local: there, Remote: here, MaxSignalBytes: 1 << 20})
		var again []byte
		for {
			sig, err := d.Next()
			if err != nil {
				break
			}
			if err := CheckSignal(sig, 1<<20); err != nil {
				t.Fatal(err)
			}
			again = AppendSignal(again, sig, here, there)
		}
		if !bytes.HasPrefix(b, again) {
			t.Fatalf("% x came back as % x", b, again)
		}
	})
}

func loop(b []byte, n int) io.Reader { return bytes.NewReader(bytes.Repeat(b, n)) }

var benchSignal = abi.Signal{
	Kind: abi.SignalMessage,
	From: abi.Pid{Node: here, Num: 1000},
	To:   abi.Pid{Node: there, Num: 2000},
	Data: make([]byte, 100),
}

func TestSignalAllocs(t *testing.T) {
	named := benchSignal
	named.To.Num, named.Name = 0, "ticker"
	for _, sig := range []abi.Signal{benchSignal, named} {
		var buf []byte
		if n := testing.AllocsPerRun(100, func() { buf = AppendSignal(buf[:0], sig, here, there) }); n != 0 {
			t.Errorf("encoding allocates %v times", n)
		}
		d := NewDecoder(loop(buf, 200), DecoderOptions{Local: there, Remote: here})
		n := testing.AllocsPerRun(100, func() {
			if _, err := d.Next(); err != nil {
				t.Fatal(err)
			}
		})
		if n != 1 {
			t.Errorf("decoding allocates %v times, want 1 for Data", n)
		}
	}
}

func BenchmarkAppendSignal(b *testing.B) {
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf = AppendSignal(buf[:0], benchSignal, here, there)
	}
	b.SetBytes(int64(len(buf)))
}

func BenchmarkDecodeSignal(b *testing.B) {
	for _, size := range []int{0, 100, 10_000, 1_000_000} {
		b.Run(fmt.Sprintf("data=%d", size), func(b *testing.B) {
			sig := benchSignal
			sig.Data = make([]byte, size)
			frame := AppendSignal(nil, sig, here, there)
			d := NewDecoder(&repeating{frame: frame}, DecoderOptions{Local: there, Remote: here})
			b.SetBytes(int64(len(frame)))
			b.ReportAllocs()
			for b.Loop() {
				if got, err := d.Next(); err != nil || len(got.Data) != size {
					b.Fatal(err)
				}
			}
		})
	}
}

// repeating gives one frame over and over.
type repeating struct {
	frame []byte
	off   int
}

func (r *repeating) Read(p []byte) (int, error) {
	n := copy(p, r.frame[r.off:])
	r.off = (r.off + n) % len(r.frame)
	return n, nil
}
