package vm

import (
	"bufio"
	"fmt"
	"os"
	"sync"
)

// fallbackMemory stands for the memory of a machine that does not say how much it has.
const fallbackMemory = 8 << 30

// MachineMemory is the memory of this machine in bytes, for bounds that are a part of it. Where the
// system does not say, it is 8 GiB. Safe for concurrent use.
var MachineMemory = sync.OnceValue(func() uint64 {
	file, err := os.Open("/proc/meminfo")
	if err != nil {
		return fallbackMemory
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		var kib uint64
		if n, _ := fmt.Sscanf(lines.Text(), "MemTotal: %d kB", &kib); n == 1 && kib > 0 {
			return kib << 10
		}
	}
	return fallbackMemory
})
