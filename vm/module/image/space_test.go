package image

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"

	"github.com/wnode/wnode/vm/module/rewrite"
)

// Whatever was written to a space, and however large it has become, what it is set to is the image and zeroes.
func TestSpaceIsSetBack(t *testing.T) {
	const page = 1 << 16
	for name, tt := range map[string]struct{ pages, data int }{
		"small":                    {1, 1000},
		"large with little in it":  {20, 3 * grain},
		"large with much in it":    {20, 40 * grain},
		"large with nothing in it": {20, 0},
		"nothing":                  {0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				size := uint64(tt.pages * page)
				data := bytes.Repeat([]byte{rapid.ByteRange(1, 255).Draw(t, "data")}, tt.data)
				i, err := Initial(size, []rewrite.Segment{{Offset: uint32(tt.pages*page/2) - min(uint32(tt.pages), 1)*100, Bytes: data}}, nil)
				if err != nil {
					t.Fatal(err)
				}
				defer i.Close()
				var arena Arena
				defer arena.Close()
				s := arena.NewSpace(size+8*page, 1<<30)
				defer s.Free()
				want := make([]byte, size+8*page)
				i.Write(want)
				used := uint64(0)
				for range rapid.IntRange(1, 4).Draw(t, "uses") {
					s.Set(i, used)
					if !bytes.Equal(s.Bytes(size+8*page), want) {
						t.Fatal("the space is not the image")
					}
					used = size + uint64(rapid.IntRange(0, 8).Draw(t, "grown"))*page
					spoil(t, s.Bytes(used))
				}
			})
		})
	}
}

// spoil writes here and there, sometimes to more places than are set back one by one.
func spoil(t *rapid.T, b []byte) {
	if len(b) == 0 {
		return
	}
	for range rapid.IntRange(0, 5).Draw(t, "writes") {
		b[rapid.IntRange(0, len(b)-1).Draw(t, "at")] ^= 0x55
	}
	if rapid.Bool().Draw(t, "everywhere") {
		for at := 0; at < len(b); at += 2 * grain {
			b[at] = 7
		}
	}
}

// A space moves on from the image with what the module begins with to that of an initialised instance.
func TestSpaceShowsALaterImage(t *testing.T) {
	const size = 1 << 20
	data := bytes.Repeat([]byte{1}, 2*sharedFrom)
	first, err := Initial(size, []rewrite.Segment{{Offset: 4096, Bytes: data}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var arena Arena
	defer arena.Close()
	s := arena.NewSpace(size, size)
	defer s.Free()
	s.Set(first, 0)
	copy(s.Bytes(size)[100_000:], "later")
	second := Capture(s.Bytes(size), nil)
	first.Close()
	want := bytes.Clone(s.Bytes(size))
	for range 2 {
		s.Bytes(size)[7] = 7
		s.Set(second, size)
		if !bytes.Equal(s.Bytes(size), want) {
			t.Fatal("another memory")
		}
	}
	second.Close()
	s.Bytes(size)[7] = 7
	s.Set(second, size) // without its file, which the space has still
	if !bytes.Equal(s.Bytes(size), want) {
		t.Error("another memory after the image was closed")
	}
}

// A space that becomes too small moves with what is in it, and is set back where it has come to.
func TestSpaceMoves(t *testing.T) {
	const size, larger, largest = 1 << 20, 3 << 20, 40 << 20
	var arena Arena
	defer arena.Close()
	for name, data := range map[string]int{"shared": 2 * sharedFrom, "own": 100} {
		t.Run(name, func(t *testing.T) {
			i, err := Initial(size, []rewrite.Segment{{Offset: 4096, Bytes: bytes.Repeat([]byte{1}, data)}}, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer i.Close()
			before := mappings.used.Load()
			s := arena.ShowImage(i)
			if s == nil {
				s = arena.NewSpace(size, size)
			}
			s.Set(i, 0)
			want := make([]byte, largest)
			i.Write(want)
			used := uint64(size)
			for _, least := range []uint64{larger, largest} {
				if !bytes.Equal(s.Bytes(used), want[:used]) {
					t.Fatal("the space is not the image")
				}
				s.Bytes(used)[5000], s.Bytes(used)[used-1] = 7, 8
				s = s.Move(used, least, largest)
				if b := s.Bytes(used); b[4999] != want[4999] || b[5000] != 7 || b[used-1] != 8 {
					t.Fatalf("% x, %x", b[4999:5001], b[used-1])
				}
				used = least
				clear(s.Bytes(used)[size:])
				s.Set(i, used)
			}
			s.Free()
			if after := mappings.used.Load(); after != before {
				t.Errorf("%d mappings, %d before", after, before)
			}
		})
	}
}

// When the program has all the mappings and files that it may have, spaces and images work without. None stays
// behind.
func TestBounds(t *testing.T) {
	const size = 1 << 20
	var arena Arena
	defer arena.Close()
	data := []rewrite.Segment{{Bytes: bytes.Repeat([]byte{1}, 2*sharedFrom)}}
	want := make([]byte, size)
	copy(want, data[0].Bytes)
	try := func(t *testing.T, maps, file bool) {
		i, err := Initial(size, data, nil)
		if err != nil {
			t.Fatal(err)
		}
		s := arena.NewSpace(size, size)
		if is := s.kind == mapped; is != maps {
			t.Errorf("mapped: %v", is)
		}
		for range 3 {
			s.Set(i, size)
			if !bytes.Equal(s.Bytes(size), want) {
				t.Fatal("another memory")
			}
			s.Bytes(size)[9], s.Bytes(size)[size-1] = 7, 7
		}
		if has := i.file != nil; has != file {
			t.Errorf("a file: %v", has)
		}
		s.Free()
		i.Close()
	}
	fill := func(t *testing.T, b *bound) {
		before := b.used.Load()
		for b.take() {
		}
		t.Cleanup(func() {
			if used := b.used.Add(before - b.most); used != before {
				t.Errorf("%d used, %d before", used, before)
			}
		})
	}
	s := arena.NewSpace(size, size)
	linux := s.kind == mapped
	s.Free()
	t.Run("both", func(t *testing.T) { try(t, linux, linux) })
	t.Run("no more files", func(t *testing.T) { fill(t, &files); try(t, linux, false) })
	t.Run("no more mappings", func(t *testing.T) { fill(t, &mappings); try(t, false, false) })
}

func BenchmarkSet(b *testing.B) {
	for name, tt := range map[string]struct{ size, data, changes int }{
		"64KiB":                    {64 << 10, 4096, 2},
		"1MiB with little in it":   {1 << 20, 8 << 10, 2},
		"4MiB with 2MiB in it":     {4 << 20, 2 << 20, 2},
		"4MiB and 40 pages change": {4 << 20, 2 << 20, 40},
	} {
		b.Run(name, func(b *testing.B) {
			i, err := Initial(uint64(tt.size), []rewrite.Segment{{Bytes: bytes.Repeat([]byte{1}, tt.data)}}, nil)
			if err != nil {
				b.Fatal(err)
			}
			defer i.Close()
			var arena Arena
			defer arena.Close()
			s := arena.NewSpace(uint64(tt.size), uint64(tt.size))
			defer s.Free()
			s.Set(i, 0)
			memory := s.Bytes(uint64(tt.size))
			for b.Loop() {
				for n := range tt.changes {
					memory[n*8192] = 2
				}
				s.Set(i, uint64(tt.size))
			}
		})
	}
}
