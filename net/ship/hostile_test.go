package ship

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/wnode/wnode/net/wire"
)

// script is a stream whose other side has said all it will ever say.
type script struct {
	in     io.Reader
	out    bytes.Buffer
	closed int
}

func (s *script) Read(p []byte) (int, error)  { return s.in.Read(p) }
func (s *script) Write(p []byte) (int, error) { return s.out.Write(p) }
func (s *script) Close() error                { s.closed++; return nil }

// abortable is a script that tells Abort from Close.
type abortable struct {
	script
	aborted int
}

func (s *abortable) Abort() { s.aborted++ }

func compress(tb testing.TB, b []byte, opts ...zstd.EOption) []byte {
	tb.Helper()
	enc, err := zstd.NewWriter(nil, opts...)
	if err != nil {
		tb.Fatal(err)
	}
	return enc.EncodeAll(b, nil)
}

// stream compresses without saying the size in the frame header.
func stream(tb testing.TB, b []byte, opts ...zstd.EOption) []byte {
	tb.Helper()
	var out bytes.Buffer
	enc, err := zstd.NewWriter(&out, opts...)
	if err != nil {
		tb.Fatal(err)
	}
	for _, half := range [][]byte{b[:len(b)/2], b[len(b)/2:]} {
		if _, err := enc.Write(half); err != nil {
			tb.Fatal(err)
		}
		if err := enc.Flush(); err != nil {
			tb.Fatal(err)
		}
	}
	if err := enc.Close(); err != nil {
		tb.Fatal(err)
	}
	return out.Bytes()
}

func reply(st status, size uint64, body []byte) []byte {
	return append(answer{status: st, size: size}.append(nil, FormFixed), body...)
}

func TestFetchHostileServer(t *testing.T) {
	m := code(200_000)
	size := uint64(len(m))
	zeros := make([]byte, 32<<20)
	good := compress(t, m)
	emptyBlocks := append(good[:4:4], 0x00, 0x58) // magic, a frame header with a 2 MiB window
	for range 200_000 {
		emptyBlocks = append(emptyBlocks, 0, 0, 0) // a raw block of no bytes, not the last
	}
	skippable := binary.LittleEndian.AppendUint32([]byte{0x50, 0x2a, 0x4d, 0x18}, 1<<30)
	flipped := bytes.Clone(m)
	flipped[1000] ^= 1
	for name, c := range map[string]struct {
		in   []byte
		want error
	}{
		"good":                   {reply(statusOK, size, good), nil},
		"good, in two frames":    {reply(statusOK, size, append(compress(t, m[:99]), compress(t, m[99:])...)), nil},
		"nothing":                {nil, ErrTruncated},
		"status only":            {[]byte{0}, ErrTruncated},
		"unknown status":         {reply(5, 0, nil), wire.ErrMalformed},
		"busy":                   {reply(statusBusy, 0, nil), ErrBusy},
		"too large":              {reply(statusTooLarge, 1<<40, nil), ErrTooLarge},
		"ok, but too large":      {reply(statusOK, 1<<20+1, nil), ErrTooLarge},
		"size 2^64-1":            {reply(statusOK, 1<<64-1, nil), ErrTooLarge},
		"size 2^63":              {reply(statusOK, 1<<63, nil), ErrTooLarge},
		"no body":                {reply(statusOK, size, nil), ErrTruncated},
		"body of garbage":        {reply(statusOK, size, noise(1000)), ErrFalseContent},
		"cut":                    {reply(statusOK, size, good[:len(good)-1]), ErrTruncated},
		"cut in the header":      {reply(statusOK, size, good[:3]), ErrTruncated},
		"less than announced":    {reply(statusOK, size+1, good), ErrTruncated},
		"more than announced":    {reply(statusOK, size-1, good), ErrFalseContent},
		"more, size not told":    {reply(statusOK, size-1, stream(t, m)), ErrFalseContent},
		"empty, but not":         {reply(statusOK, 0, good), ErrFalseContent},
		"empty, and is":          {reply(statusOK, 0, nil), ErrFalseContent},
		"another module":         {reply(statusOK, size, compress(t, flipped)), ErrFalseContent},
		"trailing bytes":         {reply(statusOK, size, append(good[:len(good):len(good)], 1, 2, 3, 4, 5)), ErrFalseContent},
		"trailing frame":         {reply(statusOK, size, append(good[:len(good):len(good)], good...)), ErrFalseContent},
		"bomb":                   {reply(statusOK, size, stream(t, zeros)), ErrFalseContent},
		"bomb, size told":        {reply(statusOK, size, compress(t, zeros)), ErrFalseContent},
		"window too large":       {reply(statusOK, size, stream(t, m, zstd.WithWindowSize(2*MaxWindowBytes))), ErrFalseContent},
		"endless empty blocks":   {reply(statusOK, size, emptyBlocks), ErrFalseContent},
		"endless skipped frames": {reply(statusOK, size, append(skippable, zeros...)), ErrFalseContent},
	} {
		t.Run(name, func(t *testing.T) {
			s := &abortable{script: script{in: bytes.NewReader(c.in)}}
			k := &basket{t: t}
			_, err := Fetch(t.Context(), s, hashOf(m), k, FetchOptions{MaxModuleBytes: 1 << 20})
			if !errors.Is(err, c.want) {
				t.Fatalf("%v, want %v", err, c.want)
			}
			if c.want == nil {
				if s.closed != 1 || s.aborted != 0 || !k.committed {
					t.Errorf("closed %d, aborted %d, committed %v", s.closed, s.aborted, k.committed)
				}
				return
			}
			k.checkEnded(err)
			if s.closed+s.aborted != 1 {
				t.Errorf("closed %d times, aborted %d times", s.closed, s.aborted)
			}
		})
	}
}

// A stream that breaks is told apart from one that ends too early.
func TestFetchStreamBreaks(t *testing.T) {
	broken := errors.New("connection lost")
	m := noise(100_000)
	whole := reply(statusOK, uint64(len(m)), compress(t, m))
	for _, n := range []int{0, 5, answerSize, answerSize + 3, answerSize + 20, 50_000, len(whole)} {
		s := &script{in: io.MultiReader(bytes.NewReader(whole[:n]), brokenReader{broken})}
		k := &basket{t: t}
		_, err := Fetch(t.Context(), s, hashOf(m), k, FetchOptions{})
		if !errors.Is(err, broken) {
			t.Errorf("after %d bytes: %v", n, err)
		}
		k.checkEnded(err)
	}
}

type brokenReader struct{ err error }

func (r brokenReader) Read([]byte) (int, error) { return 0, r.err }

func TestServeHostileRequester(t *testing.T) {
	m := code(1000)
	whole := request{hash: hashOf(m), limit: 1 << 20}.append(nil, FormFixed)
	for n := range whole {
		s := &abortable{script: script{in: bytes.NewReader(whole[:n])}}
		err := NewServer(newShelf(m), ServerOptions{}).Serve(t.Context(), s, 2, FormFixed)
		if !errors.Is(err, ErrTruncated) || s.aborted != 1 || s.out.Len() != 0 {
			t.Errorf("%d bytes of a request: %v, aborted %d times, %d bytes answered", n, err, s.aborted, s.out.Len())
		}
	}
}

func FuzzFetch(f *testing.F) {
	m := code(3000)
	f.Add(reply(statusOK, uint64(len(m)), compress(f, m)))
	f.Add(reply(statusOK, uint64(len(m)), stream(f, m)))
	f.Add(reply(statusOK, uint64(len(m)), compress(f, m[:100])))
	f.Add(reply(statusNotFound, 0, nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		k := &basket{t: t}
		_, err := Fetch(t.Context(), &script{in: bytes.NewReader(b)}, hashOf(m), k, FetchOptions{MaxModuleBytes: 1 << 16})
		if (err == nil) != k.committed {
			t.Fatalf("committed %v, %v", k.committed, err)
		}
		if err != nil {
			k.checkEnded(err)
		}
	})
}

func FuzzServe(f *testing.F) {
	m := code(3000)
	f.Add(request{hash: hashOf(m), limit: 1 << 20}.append(nil, FormFixed))
	f.Add(request{hash: hashOf(m)}.append(nil, FormFixed))
	f.Add(request{limit: 1<<64 - 1}.append(nil, FormFixed))
	f.Fuzz(func(t *testing.T, b []byte) {
		s := &script{in: bytes.NewReader(b)}
		src := newShelf(m)
		if err := NewServer(src, ServerOptions{}).Serve(t.Context(), s, 2, FormFixed); err != nil && !errors.Is(err, ErrTruncated) {
			t.Fatal(err)
		}
		if src.open != 0 || s.closed != 1 {
			t.Fatalf("%d readers left open, stream closed %d times", src.open, s.closed)
		}
	})
}
