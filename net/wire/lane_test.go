package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/internal/wiredoc"
)

func newLaneDecoder(r io.Reader, lane int) *Decoder {
	return NewDecoder(r, DecoderOptions{Local: there, Remote: here, MaxSignalBytes: 1 << 20, Laned: true, Lane: lane})
}

// allSignals reads to the end.
func allSignals(d *Decoder) (signals []abi.Signal, err error) {
	for {
		sig, err := d.Next()
		if err == io.EOF {
			return signals, nil
		}
		if err != nil {
			return signals, err
		}
		signals = append(signals, sig)
	}
}

func TestLaneOf(t *testing.T) {
	if LaneOf(0) != 0 {
		t.Errorf("the node itself has lane %d", LaneOf(0))
	}
	for step := uint64(1); step <= 16; step++ {
		count := map[int]int{}
		for i := range uint64(1000) {
			count[LaneOf(1+i*step)]++
		}
		for lane := range Lanes {
			if count[lane] < 1000/Lanes/2 {
				t.Errorf("of 1000 senders, each %d after the last, lane %d has %d", step, lane, count[lane])
			}
		}
	}
}

func TestLaneStream(t *testing.T) {
	for lane := range Lanes {
		var b bytes.Buffer
		if err := WriteLane(&b, lane); err != nil {
			t.Fatal(err)
		}
		kind, err := ReadStreamKind(&b)
		if err != nil || kind != StreamLane {
			t.Errorf("kind %v, %v", kind, err)
		}
		if got, err := ReadLane(&b); err != nil || got != lane {
			t.Errorf("lane %d came back as %d, %v", lane, got, err)
		}
	}
	if _, err := ReadLane(bytes.NewReader([]byte{Lanes})); !errors.Is(err, ErrUnknownStream) {
		t.Errorf("lane %d: %v", Lanes, err)
	}
	if _, err := ReadLane(bytes.NewReader(nil)); !errors.Is(err, io.EOF) {
		t.Errorf("no lane: %v", err)
	}
	if err := WriteLane(failingWriter{}, 0); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("closed stream: %v", err)
	}
}

// inParts is a signal that is being written bit by bit.
type inParts struct {
	sig  abi.Signal
	done int
}

// Large signals in parts of any sizes, with whole ones between the parts, come back as they were, each when it is whole.
func TestPartsRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var b []byte
		var want []abi.Signal
		var open [MaxTransfers]*inParts
		draw := func(least int) abi.Signal {
			sig := genSignal().Draw(t, "signal")
			sig.From = abi.Pid{}
			sig.Data = append(sig.Data, make([]byte, least)...)
			return sig
		}
		t.Repeat(map[string]func(*rapid.T){
			"whole": func(*rapid.T) {
				sig := draw(0)
				if len(sig.Data) == 0 {
					sig.Data = nil
				}
				want, b = append(want, sig), AppendSignal(b, sig, here, there)
			},
			"part": func(t *rapid.T) {
				i := rapid.IntRange(0, MaxTransfers-1).Draw(t, "transfer")
				if open[i] == nil {
					p := &inParts{sig: draw(2)}
					p.done = rapid.IntRange(1, len(p.sig.Data)-1).Draw(t, "bytes")
					open[i], b = p, AppendFirstPart(b, p.sig, uint8(i), p.done, here, there)
					return
				}
				p := open[i]
				end := rapid.IntRange(p.done+1, len(p.sig.Data)).Draw(t, "end")
				b = AppendPart(b, uint8(i), p.sig.Data[p.done:end])
				if p.done = end; end == len(p.sig.Data) {
					want, open[i] = append(want, p.sig), nil
				}
			},
			"": func(t *rapid.T) {
				got, err := allSignals(newLaneDecoder(bytes.NewReader(b), 0))
				unfinished := open != [MaxTransfers]*inParts{}
				if unfinished != errors.Is(err, io.ErrUnexpectedEOF) || !unfinished && err != nil {
					t.Fatalf("unfinished %v: %v", unfinished, err)
				}
				if !reflect.DeepEqual(got, want) {
					t.Fatalf("%v came back as %v", want, got)
				}
			},
		})
	})
}

func TestLaneErrors(t *testing.T) {
	sig := abi.Signal{Kind: 1, To: abi.Pid{Node: there, Num: 1}, Data: make([]byte, 100)}
	begin := func(transfer uint8, bytes int) []byte { return AppendFirstPart(nil, sig, transfer, bytes, here, there) }
	claim := func(size uint64, data ...byte) []byte {
		return body(append(binary.AppendUvarint([]byte{1, 2<<shiftTo | flagPart, 1, 0}, size), data...)...)
	}
	other := sig
	other.From = abi.Pid{Node: here, Num: 1} // of lane 2
	for name, c := range map[string]struct {
		in   [][]byte
		want error
	}{
		"another's lane":         {[][]byte{AppendSignal(nil, other, here, there)}, ErrWrongLane},
		"another's lane, a part": {[][]byte{AppendFirstPart(nil, other, 0, 1, here, there)}, ErrWrongLane},
		"empty":                  {[][]byte{body()}, ErrMalformed},
		"too large":              {[][]byte{claim(1<<20+1, 1)}, ErrFrameTooLarge},
		"2^64-1 bytes":           {[][]byte{claim(math.MaxUint64, 1)}, ErrFrameTooLarge},
		"no bytes":               {[][]byte{claim(0)}, ErrMalformed},
		"no first bytes":         {[][]byte{claim(100)}, ErrMalformed},
		"all at once":            {[][]byte{claim(1, 1)}, ErrMalformed},
		"more than all at once":  {[][]byte{claim(1, 1, 2)}, ErrMalformed},
		"size cut":               {[][]byte{body(1, 2<<shiftTo|flagPart, 1, 0, 0x80)}, ErrMalformed},
		"transfer cut":           {[][]byte{body(1, 2<<shiftTo|flagPart, 1)}, ErrMalformed},
		"too many transfers":     {[][]byte{begin(0, 1), begin(1, 1), begin(2, 1)}, ErrUnexpectedFrame},
		"transfer in use":        {[][]byte{begin(1, 1), begin(1, 1)}, ErrUnexpectedFrame},
		"more of none":           {[][]byte{AppendPart(nil, 0, []byte{1})}, ErrUnexpectedFrame},
		"more of another":        {[][]byte{begin(0, 1), AppendPart(nil, 1, []byte{1})}, ErrUnexpectedFrame},
		"more of transfer 255":   {[][]byte{AppendPart(nil, 255, []byte{1})}, ErrUnexpectedFrame},
		"more after the end":     {[][]byte{begin(0, 1), AppendPart(nil, 0, sig.Data[1:]), AppendPart(nil, 0, []byte{1})}, ErrUnexpectedFrame},
		"a byte too many":        {[][]byte{begin(0, 1), AppendPart(nil, 0, sig.Data)}, ErrMalformed},
		"far too many":           {[][]byte{begin(0, 1), append(binary.AppendUvarint(nil, 1<<20), make([]byte, maxHeader)...)}, ErrMalformed},
		"a part without bytes":   {[][]byte{begin(0, 1), body(kindPart, 0)}, ErrMalformed},
		"a part without number":  {[][]byte{begin(0, 1), body(kindPart)}, ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			signals, err := allSignals(newLaneDecoder(bytes.NewReader(bytes.Join(c.in, nil)), 0))
			var pe *ProtocolError
			if !errors.As(err, &pe) || !errors.Is(err, c.want) || pe.Stream != StreamLane {
				t.Errorf("read %d signals, %v, want %v", len(signals), err, c.want)
			}
		})
	}
}

// What is announced takes memory only as it comes.
func TestPartsClaim(t *testing.T) {
	var b []byte
	for i := range uint8(MaxTransfers) {
		b = append(b, body(append(binary.AppendUvarint([]byte{1, 2<<shiftTo | flagPart, 1, i}, DefaultMaxSignalBytes), 1)...)...)
	}
	r := testing.Benchmark(func(b2 *testing.B) {
		for b2.Loop() {
			d := NewDecoder(bytes.NewReader(b), DecoderOptions{Local: there, Remote: here, Laned: true})
			if _, err := d.Next(); !errors.Is(err, io.ErrUnexpectedEOF) {
				b2.Fatal(err)
			}
		}
	})
	if got := r.AllocedBytesPerOp(); got > 4*MaxTransfers*firstRead {
		t.Errorf("%d bytes allocated for claims", got)
	}
}

// Whatever comes on a lane, signals are of its senders and within bounds, and what is kept of those that are not whole is bounded.
func FuzzLane(f *testing.F) {
	sig := abi.Signal{Kind: 1, To: abi.Pid{Node: there, Num: 1}, Data: []byte("a large signal")}
	b := AppendFirstPart(nil, sig, 0, 2, here, there)
	b = AppendSignal(b, sig, here, there)
	b = AppendFirstPart(b, sig, 1, 3, here, there)
	b = AppendPart(b, 0, sig.Data[2:])
	f.Add(b)
	f.Add(AppendPart(b, 1, sig.Data[3:]))
	for _, e := range wiredoc.Examples(f, "lane") {
		f.Add(e.Bytes[2:])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		const most = 1 << 18
		room := &tally{}
		d := NewDecoder(bytes.NewReader(b), DecoderOptions{Local: there, Remote: here, MaxSignalBytes: most, Laned: true, Room: room})
		for {
			sig, err := d.Next()
			d.Release()
			if kept := d.kept(); err == nil && room.held != kept {
				t.Fatalf("%d bytes are counted, %d kept", room.held, kept)
			}
			for _, p := range d.partials {
				if len(p.sig.Data) > len(b) || cap(p.sig.Data) > most {
					t.Fatalf("%d bytes in %d are kept of %d", len(p.sig.Data), cap(p.sig.Data), len(b))
				}
			}
			if err != nil {
				return
			}
			if err := CheckSignal(sig, most); err != nil || LaneOf(sig.From.Num) != 0 {
				t.Fatalf("%v from %d", err, sig.From.Num)
			}
		}
	})
}
