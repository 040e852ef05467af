package abi_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/wnode/wnode/abi"
)

func TestNewNodeID(t *testing.T) {
	a, b := abi.NewNodeID(), abi.NewNodeID()
	if a == 0 || b == 0 || a == b {
		t.Errorf("drew %x and %x", a, b)
	}
}

// The 16 bytes are the same in guest memory, on the wire and in CBOR (PROC-02).
func TestIDBytes(t *testing.T) {
	pid := abi.Pid{Node: 0x0102030405060708, Num: 0x1112131415161718}
	want := []byte{8, 7, 6, 5, 4, 3, 2, 1, 0x18, 0x17, 0x16, 0x15, 0x14, 0x13, 0x12, 0x11}
	if got := pid.Append(nil); !bytes.Equal(got, want) {
		t.Errorf("pid: got %x, want %x", got, want)
	}
	if got := abi.Ref(pid).Append([]byte{0xff}); !bytes.Equal(got[1:], want) || got[0] != 0xff {
		t.Errorf("ref: got %x, want ff%x", got, want)
	}
}

func TestIDRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pid := abi.Pid{Node: abi.NodeID(rapid.Uint64().Draw(t, "node")), Num: rapid.Uint64().Draw(t, "num")}
		b, _ := pid.MarshalBinary()
		var p abi.Pid
		var r abi.Ref
		if err := errors.Join(p.UnmarshalBinary(b), r.UnmarshalBinary(b)); err != nil {
			t.Fatal(err)
		}
		rb, _ := r.MarshalBinary()
		if p != pid || abi.PidFromBytes(b) != pid || abi.RefFromBytes(rb) != r || !bytes.Equal(rb, b) {
			t.Fatalf("%v: got %v and %v", pid, p, r)
		}
		if pid.IsZero() != (pid.Node == 0 && pid.Num == 0) {
			t.Fatalf("%v: IsZero %t", pid, pid.IsZero())
		}
	})
}

func TestIDUnmarshalRefuses(t *testing.T) {
	for _, n := range []int{0, 1, 15, 17, 32} {
		pid, ref := abi.Pid{Node: 1, Num: 2}, abi.Ref{Node: 1, Num: 2}
		if err := pid.UnmarshalBinary(make([]byte, n)); !errors.Is(err, abi.ErrBadArgument) || pid.Num != 2 {
			t.Errorf("pid of %d bytes: %v, %v", n, pid, err)
		}
		if err := ref.UnmarshalBinary(make([]byte, n)); !errors.Is(err, abi.ErrBadArgument) || ref.Num != 2 {
			t.Errorf("ref of %d bytes: %v, %v", n, ref, err)
		}
	}
}

// PROC-03: three numbers, the viewer's index of the node and the two halves of the process number.
// PROC-01, PROC-03
func TestIDText(t *testing.T) {
	for want, got := range map[string]string{
		"#PID<0.12.0>":         abi.Pid{Node: 77, Num: 12}.Text(0),
		"#PID<3.4294967295.1>": abi.Pid{Node: 77, Num: 1<<33 - 1}.Text(3),
		"#Ref<1.5.2>":          abi.Ref{Node: 77, Num: 2<<32 + 5}.Text(1),
	} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestFunctionString(t *testing.T) {
	hash := abi.Hash{0x3f, 0xa9, 0x01, 0x02, 0x03}
	for want, f := range map[string]abi.Function{
		"#Function<whoami.wasm sha256:3fa9...>":      {Module: hash, Export: "_start", Name: "whoami.wasm"},
		"#Function<whoami.wasm:tick sha256:3fa9...>": {Module: hash, Export: "tick", Name: "whoami.wasm"},
		"#Function<module sha256:3fa9...>":           {Module: hash},
		"#Function<\ufffd[2J sha256:3fa9...>":        {Module: hash, Name: "\x1b[2J"},
	} {
		if got := f.String(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	if got := hash.String(); got != "3fa9010203"+strings.Repeat("00", 27) {
		t.Errorf("hash prints as %s", got)
	}
}

func TestFunctionMarshalRefuses(t *testing.T) {
	for name, f := range map[string]abi.Function{
		"zero byte in the export": {Export: "a\x00b"},
		"zero byte in the name":   {Name: "\x00"},
		"export not UTF-8":        {Export: "\xff"},
		"name not UTF-8":          {Name: "a\xc3"},
		"too long":                {Export: strings.Repeat("e", 512), Name: strings.Repeat("n", 512)},
	} {
		if b, err := f.MarshalBinary(); !errors.Is(err, abi.ErrBadArgument) {
			t.Errorf("%s: %x, %v", name, b, err)
		}
	}
	longest := abi.Function{Export: strings.Repeat("e", 511), Name: strings.Repeat("n", 512)}
	b, err := longest.MarshalBinary()
	if err != nil || len(b) != abi.MaxFunctionBytes {
		t.Errorf("longest: %d bytes, %v", len(b), err)
	}
}

// FuzzFunctionUnmarshal: whatever decodes encodes to the same bytes; whatever does not is a bad argument.
func FuzzFunctionUnmarshal(f *testing.F) {
	for _, fn := range []abi.Function{{}, {Module: abi.Hash{1}, Export: "_start", Name: "whoami.wasm"}, {Export: "ü"}} {
		b, err := fn.MarshalBinary()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
		f.Add(b[:len(b)-1])
		f.Add(append(b, 0))
		f.Add(append(b, 0xff))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var fn abi.Function
		if err := fn.UnmarshalBinary(b); err != nil {
			if !errors.Is(err, abi.ErrBadArgument) || fn != (abi.Function{}) {
				t.Fatalf("%v, %v", fn, err)
			}
			return
		}
		again, err := fn.MarshalBinary()
		if err != nil || !bytes.Equal(again, b) {
			t.Fatalf("%x encodes to %x, %v", b, again, err)
		}
	})
}
