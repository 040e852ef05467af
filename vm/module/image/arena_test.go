package image

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"
)

// Every space is zero at first, whoever had its place before, and nobody else's.
func TestArena(t *testing.T) {
	var arena Arena
	defer arena.Close()
	live := map[*Space]byte{}
	mark := byte(0)
	rapid.Check(t, func(t *rapid.T) {
		t.Repeat(map[string]func(*rapid.T){
			"take": func(t *rapid.T) {
				size := rapid.SampledFrom([]uint64{0, 1 << 16, 2 << 16, 3 << 16, 4 << 16}).Draw(t, "size")
				s := arena.NewSpace(size, 1<<30)
				if s.Room() < size || bytes.ContainsFunc(s.room[:min(s.Room(), 4<<16)], func(r rune) bool { return r != 0 }) {
					t.Fatalf("%d bytes for %d, or not zero", s.Room(), size)
				}
				mark++
				live[s] = mark
				for i := range s.Bytes(size) {
					s.room[i] = mark
				}
			},
			"give": func(t *rapid.T) {
				for s := range live {
					delete(live, s)
					s.Free()
					return
				}
			},
			"": func(t *rapid.T) {
				for s, mark := range live {
					if b := s.room[:min(s.Room(), 1<<16)]; len(b) > 0 && b[0] != mark && b[0] != 0 {
						t.Fatalf("the space of %d has %d", mark, b[0])
					}
				}
			},
		})
	})
	for s := range live {
		s.Free()
	}
}

// Places that were used are zero again beyond those that are kept as they were, too.
func TestArenaOfMany(t *testing.T) {
	var arena Arena
	defer arena.Close()
	for range 2 {
		var all []*Space
		for range maxDirty + 50 {
			s := arena.NewSpace(1<<16, 1<<16)
			if b := s.Bytes(1 << 16); b[0] != 0 || b[1<<16-1] != 0 {
				t.Fatal("not zero")
			}
			s.room[0], s.room[1<<16-1] = 1, 1
			all = append(all, s)
		}
		for _, s := range all {
			s.Free()
		}
	}
	if len(arena.chunks) > 1 {
		t.Errorf("%d mappings", len(arena.chunks))
	}
}
