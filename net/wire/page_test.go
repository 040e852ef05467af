package wire

import (
	"bufio"
	"bytes"
	"io"
	"strconv"
	"testing"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
	"github.com/wnode/wnode/internal/wiredoc"
)

// wantAll checks that each constant of a type has an example.
func wantAll(t *testing.T, seen map[uint64]bool, file, typeName string) {
	t.Helper()
	for name, number := range wiredoc.Constants(t, file, typeName) {
		if !seen[number] && name != "Skippable" {
			t.Errorf("docs/protocol.md has no example of %s, %d", name, number)
		}
	}
}

func TestPageStreams(t *testing.T) {
	seen := map[uint64]bool{}
	wiredoc.Check(t, "stream", func(e wiredoc.Example) ([]byte, error) {
		k, err := ReadStreamKind(bytes.NewReader(e.Bytes))
		seen[uint64(k)] = true
		var again bytes.Buffer
		if err == nil {
			err = WriteStreamKind(&again, k)
		}
		return again.Bytes(), err
	})
	wantAll(t, seen, "stream.go", "StreamKind")
	wiredoc.CheckNumbers(t, "streams", "stream.go", "StreamKind")
}

func TestPageControlFrames(t *testing.T) {
	seen := map[uint64]bool{}
	wiredoc.Check(t, "control", func(e wiredoc.Example) ([]byte, error) {
		f, err := readOne(e.Bytes)
		if err != nil {
			return nil, err
		}
		seen[uint64(f.Type())] = true
		return AppendFrame(nil, f)
	})
	wantAll(t, seen, "control.go", "FrameType")
	wiredoc.CheckNumbers(t, "frames", "control.go", "FrameType")
	wiredoc.CheckNumbers(t, "refusals", "errors.go", "RefuseCode")
}

func TestPageSignals(t *testing.T) {
	const kinds = "../../abi/signal.go"
	seen := map[uint64]bool{}
	wiredoc.Check(t, "signal", func(e wiredoc.Example) ([]byte, error) {
		d := newDecoder(e.Bytes)
		sig, err := d.Next()
		if err != nil {
			return nil, err
		}
		seen[uint64(sig.Kind)] = true
		if _, err := d.Next(); err != io.EOF {
			t.Errorf("docs/protocol.md:%d: more than a signal: %v", e.Line, err)
		}
		return AppendSignal(nil, sig, here, there), nil
	})
	wantAll(t, seen, kinds, "SignalKind")
	wiredoc.CheckNumbers(t, "signals", kinds, "SignalKind")
}

// The examples of lanes are streams of process 5's: a large signal in two parts, with whole ones in between.
func TestPageLanes(t *testing.T) {
	wiredoc.Check(t, "lane", func(e wiredoc.Example) ([]byte, error) {
		r := bytes.NewReader(e.Bytes)
		if _, err := ReadStreamKind(r); err != nil {
			return nil, err
		}
		lane, err := ReadLane(r)
		if err != nil {
			return nil, err
		}
		signals, err := allSignals(newLaneDecoder(r, lane))
		if err != nil || len(signals) == 0 {
			return nil, err
		}
		var again bytes.Buffer
		if err := WriteLane(&again, lane); err != nil {
			return nil, err
		}
		last := len(signals) - 1
		b := AppendFirstPart(again.Bytes(), signals[last], 1, 4, here, there)
		for _, sig := range signals[:last] {
			b = AppendSignal(b, sig, here, there)
		}
		return AppendPart(b, 1, signals[last].Data[4:]), nil
	})
	numbers := wiredoc.Numbers(t, "lanes")
	if numbers[Lanes] == "" || numbers[MaxTransfers] == "" || len(numbers) != 2 {
		t.Errorf("docs/protocol.md lists %v, there are %d lanes and %d transfers", numbers, Lanes, MaxTransfers)
	}
}

func TestPageFeatures(t *testing.T) {
	for _, feature := range wiredoc.Texts(t, "stream.go", "Feature") {
		if !wiredoc.Mentions(t, "`"+feature+"`") {
			t.Errorf("docs/protocol.md does not tell of the feature %s", feature)
		}
	}
}

func TestPageBounds(t *testing.T) {
	listed := wiredoc.Numbers(t, "bounds")
	for name, bound := range map[string]uint64{
		"MaxNodeNameBytes": MaxNodeNameBytes, "MaxHostBytes": MaxHostBytes, "MaxNameBytes": MaxNameBytes,
		"MaxFeatures": MaxFeatures, "MaxFeatureBytes": MaxFeatureBytes, "MaxFrameBytes": MaxFrameBytes,
		"MinSignalBytes": MinSignalBytes, "MaxTextBytes": MaxTextBytes,
		"DefaultMaxSignalBytes": DefaultMaxSignalBytes, "MaxDepth": term.MaxDepth,
	} {
		if listed[bound] == "" {
			t.Errorf("docs/protocol.md does not list %s, %d", name, bound)
		}
	}
}

// A peer says whatever frames it likes, in whatever order; a session answers until it is closed, and keeps
// no more than it may.
func FuzzSession(f *testing.F) {
	var all []byte
	for _, e := range wiredoc.Examples(f, "control") {
		f.Add(e.Bytes, true)
		all = append(all, e.Bytes...)
	}
	f.Add(all, false)
	f.Fuzz(func(t *testing.T, b []byte, initiator bool) {
		s, _, err := NewSession(SessionOptions{Hello: testHello("two@host", abi.NodeID(2)), Initiator: initiator})
		if err != nil {
			t.Fatal(err)
		}
		for r := bufio.NewReader(bytes.NewReader(b)); s.State() != StateClosed; {
			frame, err := ReadFrame(r)
			if err != nil {
				return
			}
			if s.State() == StateDecide {
				if _, err := s.Accept(); err != nil {
					t.Fatal(err)
				}
			}
			if s.State() == StateOpen && len(b)%2 == 1 {
				_, _ = s.Ping(uint64(len(b))) // too many are refused
			}
			reply, err := s.Receive(frame)
			if err != nil != (s.State() == StateClosed && s.Err() != nil) {
				t.Fatalf("%v in state %v, which says %v", err, s.State(), s.Err())
			}
			if reply != nil {
				mustFrame(t, reply)
			}
			if len(s.pings) > MaxPings {
				t.Fatal(strconv.Itoa(len(s.pings)) + " pings wait")
			}
		}
	})
}
