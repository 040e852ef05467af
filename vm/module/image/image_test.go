package image

import (
	"bytes"
	"errors"
	"testing"

	"pgregory.net/rapid"

	"github.com/tetratelabs/wazero/api"

	"github.com/wnode/wnode/vm/module/rewrite"
)

// global is a global of no instance.
type global struct {
	api.MutableGlobal
	value uint64
}

func (g *global) Get() uint64  { return g.value }
func (g *global) Set(v uint64) { g.value = v }

const pages = 3 * 65536

// segments draws data that often touches the ends of grains, and may overlap.
func segments(t *rapid.T) []rewrite.Segment {
	return rapid.SliceOf(rapid.Custom(func(t *rapid.T) rewrite.Segment {
		b := rapid.SliceOfN(rapid.Byte(), 0, 3*grain).Draw(t, "bytes")
		near := rapid.IntRange(0, pages/grain).Draw(t, "grain") * grain
		offset := near + rapid.IntRange(-8, 8).Draw(t, "offset")
		return rewrite.Segment{Offset: uint32(min(max(offset, 0), pages-len(b))), Bytes: b}
	})).Draw(t, "segments")
}

// What an image has is what was written, segment by segment, and what was captured.
func TestWrite(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		data := segments(t)
		want := make([]byte, pages)
		for _, d := range data {
			copy(want[d.Offset:], d.Bytes)
		}
		g := &global{value: rapid.Uint64().Draw(t, "global")}
		globals, value := []api.MutableGlobal{g}, g.value
		initial, err := Initial(pages, data, globals)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range []*Image{initial, Capture(want, globals)} {
			got := make([]byte, pages)
			g.value++
			i.Write(got)
			i.SetGlobals(globals)
			if !bytes.Equal(got, want) || g.value != value {
				t.Fatal("another state")
			}
			if i.Size() != pages || i.Bytes() > pages || i.Bytes()%grain != 0 {
				t.Fatalf("size %d, %d bytes", i.Size(), i.Bytes())
			}
			clear(want) // the image is its own
			i.Write(want)
		}
	})
}

// The images of large memories with little in them are small.
func TestSparse(t *testing.T) {
	data := []rewrite.Segment{{Offset: 1, Bytes: []byte{1}}, {Offset: 1<<32 - 1, Bytes: []byte{2}}, {Offset: 5, Bytes: make([]byte, 100_000)}}
	i, err := Initial(1<<32, data, nil)
	if err != nil || i.Bytes() != 2*grain {
		t.Errorf("%v, %v", i, err)
	}
	if _, err := Initial(1<<32, append(data, rewrite.Segment{Offset: 1<<32 - 1, Bytes: []byte{1, 2}}), nil); !errors.Is(err, ErrOutOfBounds) {
		t.Errorf("data beyond the end: %v", err)
	}
	if i, err := Initial(0, nil, nil); err != nil || i.Bytes() != 0 {
		t.Errorf("no memory: %v, %v", i, err)
	}
}
