package vm

import (
	"bufio"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// fallbackMemory stands for the memory of a machine that does not say how much it has.
const fallbackMemory = 8 << 30

// MachineMemory is the memory that this program can have, in bytes, for bounds that are a part of it: that of the
// machine, or what the control groups that the program is in (those of a container, or of a service) leave it of that.
// Where the system says neither, it is 8 GiB. Safe for concurrent use.
var MachineMemory = sync.OnceValue(func() uint64 { return memoryOf(os.DirFS("/")) })

// memoryOf reads what a Linux system says in its files; others have none of them.
func memoryOf(system fs.FS) uint64 {
	most := uint64(fallbackMemory)
	if total := memTotal(system); total > 0 {
		most = total
	}
	for line := range lines(system, "proc/self/cgroup") {
		if limit := cgroupLimit(system, line); limit > 0 {
			most = min(most, limit)
		}
	}
	return most
}

// memTotal gives the memory of the machine, 0 when it is not known.
func memTotal(system fs.FS) uint64 {
	for line := range lines(system, "proc/meminfo") {
		var kib uint64
		if n, _ := fmt.Sscanf(line, "MemTotal: %d kB", &kib); n == 1 {
			return kib << 10
		}
	}
	return 0
}

// cgroupLimit gives the least bound of a control group and of those around it, 0 for none. The line is
// `number:controllers:path`, with no controllers for version 2. In a container the path may be that of the host, which
// cannot be seen there: then what can be is the group at the top.
func cgroupLimit(system fs.FS, line string) (least uint64) {
	parts := strings.SplitN(line, ":", 3)
	if len(parts) < 3 {
		return 0
	}
	root, file := "sys/fs/cgroup", "memory.max"
	switch {
	case parts[1] == "":
	case slices.Contains(strings.Split(parts[1], ","), "memory"):
		root, file = "sys/fs/cgroup/memory", "memory.limit_in_bytes"
	default:
		return 0
	}
	for at := path.Clean("/" + parts[2]); ; at = path.Dir(at) {
		for text := range lines(system, path.Join(root, at, file)) {
			// The word max is no bound, and neither is version 1's, which is more than any machine has.
			if limit, err := strconv.ParseUint(text, 10, 64); err == nil && limit > 0 && (least == 0 || limit < least) {
				least = limit
			}
		}
		if at == "/" {
			return least
		}
	}
}

// lines gives the lines of a file, none when it cannot be read.
func lines(system fs.FS, name string) func(func(string) bool) {
	return func(yield func(string) bool) {
		file, err := system.Open(name)
		if err != nil {
			return
		}
		defer file.Close()
		for scan := bufio.NewScanner(file); scan.Scan(); {
			if !yield(scan.Text()) {
				return
			}
		}
	}
}
