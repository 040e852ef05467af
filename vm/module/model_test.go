package module

import (
	"bytes"
	"errors"
	"os"
	"testing"

	"pgregory.net/rapid"

	"github.com/wnode/wnode/abi"
)

// model is the store as a list, the least recently used first, without a difference between
// memory and disk.
type model struct {
	limit int64
	order []abi.Hash
	bytes map[abi.Hash][]byte
}

func (m *model) size() (n int64) {
	for _, b := range m.bytes {
		n += int64(len(b))
	}
	return n
}

func (m *model) use(hash abi.Hash) {
	for i, h := range m.order {
		if h == hash {
			m.order = append(append(m.order[:i:i], m.order[i+1:]...), hash)
			return
		}
	}
}

func (m *model) remove(hash abi.Hash) {
	m.use(hash)
	if _, ok := m.bytes[hash]; ok {
		m.order = m.order[:len(m.order)-1]
		delete(m.bytes, hash)
	}
}

// shrink evicts all but keep until the limit is kept.
func (m *model) shrink(limit int64, keep abi.Hash) {
	for i := 0; m.size() > limit && i < len(m.order); {
		if m.order[i] == keep {
			i++
			continue
		}
		m.remove(m.order[i])
	}
}

func (m *model) put(hash abi.Hash, b []byte) {
	m.shrink(m.limit-int64(len(b)), hash)
	m.remove(hash)
	m.order, m.bytes[hash] = append(m.order, hash), b
	m.shrink(m.limit, hash)
}

// Against the model, with restarts, damage and transfers that fail. Memory is off, so that disk alone decides.
func TestStoreModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp(t.TempDir(), "model")
		if err != nil {
			rt.Fatal(err)
		}
		o := Options{Dir: dir, MemoryBytes: 1, DiskBytes: 1000, MaxModuleBytes: 400}
		s := newStore(t, o)
		m := &model{limit: o.DiskBytes, bytes: map[abi.Hash][]byte{}}
		some := func(rt *rapid.T) []byte {
			seed := rapid.ByteRange(0, 9).Draw(rt, "module")
			return content(seed, 100+30*int(seed))
		}
		rt.Repeat(map[string]func(*rapid.T){
			"put": func(rt *rapid.T) {
				b := some(rt)
				if _, err := s.Put(b); err != nil {
					rt.Fatal(err)
				}
				m.put(hashOf(b), b)
			},
			"get": func(rt *rapid.T) {
				b := some(rt)
				got, err := s.Get(hashOf(b))
				if want, ok := m.bytes[hashOf(b)]; ok != (err == nil) || !bytes.Equal(got, want) {
					rt.Fatalf("%d bytes, %v, in the model %v", len(got), err, ok)
				}
				m.use(hashOf(b))
			},
			"abort": func(rt *rapid.T) {
				b := some(rt)
				w, err := s.Create(hashOf(b), int64(len(b)))
				if err != nil {
					rt.Fatal(err)
				}
				m.shrink(m.limit-int64(len(b)), hashOf(b))
				if _, err := w.Write(b[1:]); err != nil {
					rt.Fatal(err)
				}
				if err := w.Commit(); !errors.Is(err, ErrCorrupt) {
					rt.Fatal(err)
				}
			},
			"damage": func(rt *rapid.T) {
				b := some(rt)
				if os.Truncate(s.disk.path(hashOf(b)), 10) == nil {
					if _, err := s.Get(hashOf(b)); !errors.Is(err, ErrCorrupt) {
						rt.Fatal(err)
					}
				}
				m.remove(hashOf(b))
			},
			"restart": func(*rapid.T) {
				s.Close()
				s = newStore(t, o)
			},
			"": func(rt *rapid.T) {
				for hash := range m.bytes {
					if !s.Has(hash) {
						rt.Fatalf("%s is missing", hash.Short())
					}
				}
				if n, temps, size := onDisk(t, dir); n != len(m.bytes) || temps != 0 || size != m.size() {
					rt.Fatalf("%d modules of %d bytes, %d temporary files; in the model %d of %d", n, size, temps, len(m.bytes), m.size())
				}
			},
		})
	})
}

// The same for memory alone.
func TestMemoryModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := newStore(t, Options{MemoryBytes: 1000})
		m := &model{limit: 1000, bytes: map[abi.Hash][]byte{}}
		for range rapid.IntRange(1, 60).Draw(rt, "steps") {
			seed := rapid.ByteRange(0, 9).Draw(rt, "module")
			b := content(seed, 100+30*int(seed))
			if rapid.Bool().Draw(rt, "put") {
				if _, err := s.Put(b); err != nil {
					rt.Fatal(err)
				}
				m.shrink(m.limit-int64(len(b)), abi.Hash{}) // room is made before it is known that the module is here
				m.put(hashOf(b), b)
				continue
			}
			got, err := s.Get(hashOf(b))
			if want, ok := m.bytes[hashOf(b)]; ok != (err == nil) || !bytes.Equal(got, want) {
				rt.Fatalf("%d bytes, %v, in the model %v", len(got), err, ok)
			}
			m.use(hashOf(b))
		}
		if s.memory.bytes != m.size() {
			rt.Fatalf("%d bytes counted, %d in the model", s.memory.bytes, m.size())
		}
	})
}
