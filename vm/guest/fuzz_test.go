package guest

import (
	"testing"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
)

func FuzzSpawnOptions(f *testing.F) {
	f.Add(term.MustEncode(map[string]any{"export": "main", "args": []any{1}, "node": "a@b", "group_leader": abi.Pid{Node: 1, Num: 2}}))
	f.Add(term.MustEncode(map[string]any{"function": abi.Function{Export: "main", Name: "a.wasm"}}))
	f.Add([]byte{0xa1, 0x64, 'a', 'r', 'g', 's', 0x9f, 0xff})
	f.Fuzz(func(t *testing.T, encoded []byte) {
		options, err := parseSpawnOptions(encoded)
		if err != nil {
			return
		}
		if options.args != nil {
			if list, err := term.Decode(options.args); err != nil {
				t.Fatalf("args %v: %v", list, err)
			}
		}
	})
}

func FuzzExitReason(f *testing.F) {
	f.Add(term.MustEncode([]any{"boom", []any{1, nil, abi.Pid{Node: 1, Num: 2}}}))
	f.Add([]byte("\x7f\x63nor\x63mal\xff"))
	f.Fuzz(func(t *testing.T, encoded []byte) {
		reason, err := exitReason(encoded)
		if err != nil {
			return
		}
		again, err := exitReason(reason)
		if err != nil || string(again) != string(reason) {
			t.Fatalf("%x is encoded as %x, then as %x, %v", encoded, reason, again, err)
		}
	})
}

func FuzzParseTrace(f *testing.F) {
	f.Add(".$17(i32,i64) f64\n\t\t0xffffffff: w:1", "")
	f.Add("a.f(i32)(i32) (i32,i64)\n\twnode.send(i64,i64,i32,i32) i32", "a")
	f.Fuzz(func(t *testing.T, trace, inner string) {
		frames := parseTrace(traceHeader+trace, "test.wasm", &code{inner: inner})
		if len(frames) > maxFrames {
			t.Fatalf("%d frames", len(frames))
		}
		for i := range frames {
			if detail := frames[i].text(); len(detail) > 2*maxErrorBytes {
				t.Fatalf("%d bytes of detail", len(detail))
			}
			if _, err := term.Decode(term.MustEncode(frames[i].term())); err != nil {
				t.Fatal(err)
			}
		}
	})
}
