package ship

import "github.com/wnode/wnode/internal/processors"

// busyBytes is the size of a module that keeps a goroutine busy for longer than others may wait that have the same processor.
const busyBytes = 1 << 20

// keepingBusy gives the program all processors, if that is worth it for a module of some size, until done is called.
func keepingBusy(size int64) (done func()) {
	if size < busyBytes {
		return func() {}
	}
	return processors.Hold()
}
