package wnode

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/wnode/wnode/abi"
)

// BenchmarkFetch brings a module of 60 MiB over loopback to a node with a cache folder that lacks it: bytes that cannot be compressed, and
// text that can; and the rest of one of which three quarters are there.
func BenchmarkFetch(b *testing.B) {
	const size = 60 << 20
	noise := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(noise)
	var text bytes.Buffer
	for i := 0; text.Len() < size; i++ {
		fmt.Fprintf(&text, "(func $f%d (param i32) local.get %d)", i, i*i%7)
	}
	for name, module := range map[string][]byte{"noise": noise, "text": text.Bytes()[:size]} {
		for _, there := range []int{0, size / 4 * 3} {
			b.Run(fmt.Sprintf("%s/there=%d", name, there>>20), func(b *testing.B) {
				c := newCluster(b)
				one := c.start("one", "x1")
				hash, err := one.store.Put(module)
				if err != nil {
					b.Fatal(err)
				}
				b.SetBytes(size)
				for i := 0; b.Loop(); i++ {
					b.StopTimer()
					opts := c.options(fmt.Sprint("n", i), "x1")
					opts.CacheDir = b.TempDir()
					two := c.startWith(opts)
					if err := two.Connect(b.Context(), one.Name()); err != nil {
						b.Fatal(err)
					}
					leave(b, two, hash, size, module[:there])
					b.StartTimer()
					if err := two.fetch(b.Context(), hash, one.ID()); err != nil {
						b.Fatal(err)
					}
					b.StopTimer()
					if err := two.Close(b.Context()); err != nil {
						b.Fatal(err)
					}
					b.StartTimer()
				}
			})
		}
	}
}

// leave has a node begin with a part of a module.
func leave(b *testing.B, n *Node, hash abi.Hash, size int64, part []byte) {
	b.Helper()
	w, err := n.store.Resume(hash)
	if err == nil {
		err = w.Begin(size, 0)
	}
	if err == nil {
		_, err = w.Write(part)
	}
	if err != nil {
		b.Fatal(err)
	}
	w.Suspend()
}
