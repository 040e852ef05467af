package processors

import (
	"bytes"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// observable reports whether the system tells what is needed.
const observable = true

// used gives how long the program has had processors.
func used() time.Duration {
	var usage unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// tick is the unit of /proc/stat on all of Go's systems (proc(5), USER_HZ).
const tick = 10 * time.Millisecond

// idle gives how long the machine's processors have had nothing to do, 0 when it does not tell.
func idle() time.Duration {
	stat, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0
	}
	return parseIdle(stat)
}

// parseIdle reads the first line of /proc/stat: the idle time is the fourth figure, and the fifth is that of waiting for disks.
func parseIdle(stat []byte) (sum time.Duration) {
	line, _, _ := bytes.Cut(stat, []byte("\n"))
	fields := bytes.Fields(line)
	if len(fields) < 6 || string(fields[0]) != "cpu" {
		return 0
	}
	for _, field := range fields[4:6] {
		n, err := strconv.ParseInt(string(field), 10, 64)
		if err != nil || n < 0 {
			return 0
		}
		sum += time.Duration(n) * tick
	}
	return sum
}
