package buffertest

import (
	"fmt"
	"sync"
	"testing"
)

func TestBuffer(t *testing.T) {
	var b Buffer
	var writers sync.WaitGroup
	for i := range 10 {
		writers.Go(func() {
			if n, err := fmt.Fprintf(&b, "line %d, line\n", i%2); n != 13 || err != nil {
				t.Errorf("%d bytes, %v", n, err)
			}
		})
	}
	writers.Wait()
	if all, odd := b.Lines("line"), b.Lines("line 1"); all != 10 || odd != 5 {
		t.Errorf("%d lines, %d of them odd", all, odd)
	}
	whole := b.String()
	if got := b.Take(); got != whole || len(got) != 130 || b.String() != "" || b.Lines("") != 0 {
		t.Errorf("took %q of %q, left %q", got, whole, b.String())
	}
}
