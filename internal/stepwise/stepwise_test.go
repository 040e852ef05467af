package stepwise

import (
	"bytes"
	"runtime"
	"testing"
)

var sizes = []int{0, 1, Step - 1, Step, Step + 1, 3*Step + 5}

func sample(size int) []byte {
	b := make([]byte, size)
	for i := range b {
		b[i] = byte(i>>12 + i)
	}
	return b
}

// Whatever its size, all that fits is copied, and nothing behind it.
func TestCopy(t *testing.T) {
	for _, size := range sizes {
		for _, room := range sizes {
			from, to := sample(size), make([]byte, room+1)
			steps := 0
			n := Copy(to[:room], from, func() { steps++ })
			if n != min(size, room) || !bytes.Equal(to[:n], from[:n]) || !bytes.Equal(to[n:], make([]byte, len(to)-n)) {
				t.Errorf("%d bytes into %d: %d, or not the same", size, room, n)
			}
			if want := max(n-1, 0) / Step; steps != want {
				t.Errorf("%d bytes into %d: others could come between %d times, want %d", size, room, steps, want)
			}
		}
	}
}

func TestClone(t *testing.T) {
	for _, size := range sizes {
		from := sample(size)
		clone := Clone(from, runtime.Gosched)
		if !bytes.Equal(clone, from) {
			t.Fatalf("%d bytes are not the same", size)
		}
		if size > 0 && &clone[0] == &from[0] {
			t.Errorf("%d bytes are shared", size)
		}
	}
	if Clone(nil, runtime.Gosched) != nil {
		t.Error("nothing has become something")
	}
}
