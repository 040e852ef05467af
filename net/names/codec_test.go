package names

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func drawName(t *rapid.T) string {
	return rapid.StringMatching(`[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}`).Draw(t, "name")
}

func drawTxid(t *rapid.T) (tx txid) {
	copy(tx[:], rapid.SliceOfN(rapid.Byte(), 8, 8).Draw(t, "tx"))
	return tx
}

func drawRequest(t *rapid.T) request {
	r := request{kind: kind(rapid.IntRange(int(kindLookup), int(kindList)).Draw(t, "kind")), tx: drawTxid(t)}
	if r.kind == kindList {
		r.index = rapid.Uint16().Draw(t, "index")
		return r
	}
	r.name = drawName(t)
	if r.kind != kindLookup {
		r.port = rapid.Uint16Min(1).Draw(t, "port")
	}
	if r.kind == kindRegister {
		r.age = time.Duration(rapid.Uint32().Draw(t, "age")) * time.Millisecond
	}
	return r
}

func TestRequestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := drawRequest(t)
		b := want.append([]byte("before"))[len("before"):]
		if len(b) != want.size() {
			t.Fatalf("%d bytes, want %d", len(b), want.size())
		}
		if b[0]&0xc0 != 0 || !IsPacket(b) {
			t.Fatalf("first byte %#x could be QUIC", b[0])
		}
		got, err := decodeRequest(b)
		if err != nil || got != want {
			t.Fatalf("got %+v, %v; want %+v", got, err, want)
		}
		cut := rapid.IntRange(0, len(b)-1).Draw(t, "cut")
		if r, err := decodeRequest(b[:cut]); err == nil {
			t.Fatalf("the first %d bytes decode as %+v", cut, r)
		}
		if r, err := decodeRequest(append(b, 0)); err == nil {
			t.Fatalf("one byte more decodes as %+v", r)
		}
	})
}

func TestReplyRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := reply{kind: kindListReply, tx: drawTxid(t), status: statusOK, total: rapid.Uint16().Draw(t, "total")}
		for range rapid.IntRange(0, 40).Draw(t, "count") {
			want.list = append(want.list, Entry{Name: drawName(t), Port: rapid.Uint16Min(1).Draw(t, "port")})
		}
		want.list = fit(want.list)
		b := want.append(nil)
		if len(b) > listRequestSize {
			t.Fatalf("%d bytes", len(b))
		}
		got, err := decodeReply(b)
		if err != nil || !bytes.Equal(got.append(nil), b) || len(got.list) != len(want.list) {
			t.Fatalf("got %+v, %v", got, err)
		}
		cut := rapid.IntRange(0, len(b)-1).Draw(t, "cut")
		if r, err := decodeReply(b[:cut]); err == nil {
			t.Fatalf("the first %d bytes decode as %+v", cut, r)
		}
	})
}

func TestFitKeepsAsMuchAsFits(t *testing.T) {
	short := make([]Entry, 300)
	for i := range short {
		short[i] = Entry{Name: "a", Port: 1}
	}
	if got := len(fit(short)); got != 255 {
		t.Errorf("%d short names on a page, want 255", got)
	}
	long := make([]Entry, 300)
	for i := range long {
		long[i] = Entry{Name: strings.Repeat("a", MaxShortName), Port: 1}
	}
	if got, want := len(fit(long)), (listRequestSize-listHeaderSize)/(entryHeaderSize+MaxShortName); got != want {
		t.Errorf("%d long names on a page, want %d", got, want)
	}
}

func TestAgeSaturates(t *testing.T) {
	for _, d := range []time.Duration{100 * 24 * time.Hour, 1<<63 - 1} {
		b := request{kind: kindRegister, name: "a", port: 1, age: d}.append(nil)
		r, err := decodeRequest(b)
		if err != nil || r.age != (1<<32-1)*time.Millisecond {
			t.Errorf("age %v became %v, %v", d, r.age, err)
		}
	}
	if got := ageMillis(-time.Second); got != 0 {
		t.Errorf("negative age became %d", got)
	}
}

// Every accepted request is one that the encoder writes: nothing is hidden in padding or unused fields.
func FuzzDecodeRequest(f *testing.F) {
	f.Add(request{kind: kindLookup, tx: txid{1}, name: "one"}.append(nil))
	f.Add(request{kind: kindRegister, tx: txid{2}, name: "two", port: 9, age: time.Second}.append(nil))
	f.Add(request{kind: kindUnregister, tx: txid{3}, name: "three", port: 9}.append(nil))
	f.Add(request{kind: kindList, index: 7}.append(nil))
	f.Add(bytes.Repeat([]byte{0xff}, requestSize))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := decodeRequest(b)
		if err == nil && !bytes.Equal(r.append(nil), b) {
			t.Fatalf("%x decodes as %+v", b, r)
		}
	})
}

func FuzzDecodeReply(f *testing.F) {
	f.Add(reply{kind: kindReply, status: statusOK, port: 7369}.append(nil))
	f.Add(reply{kind: kindRenew, tx: txid{1}}.append(nil))
	f.Add(reply{kind: kindListReply, status: statusUnsure, total: 2, list: []Entry{{"a", 1}, {"bc", 2}}}.append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := decodeReply(b)
		if err == nil && !bytes.Equal(r.append(nil), b) {
			t.Fatalf("%x decodes as %+v", b, r)
		}
	})
}
