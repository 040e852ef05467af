package module

import (
	"math"
	"os"

	"golang.org/x/sys/windows"
)

// tryLock takes a file for its opener alone, until it is closed or the program ends. The byte that is locked lies
// behind all that a file has, since nobody else can read or write what is locked.
func tryLock(f *os.File) bool {
	behind := windows.Overlapped{Offset: math.MaxUint32, OffsetHigh: math.MaxInt32}
	const flags = windows.LOCKFILE_EXCLUSIVE_LOCK | windows.LOCKFILE_FAIL_IMMEDIATELY
	return windows.LockFileEx(windows.Handle(f.Fd()), flags, 0, 1, 0, &behind) == nil
}

// renamesOpen says that a file can get another name while it is open, and so while it is locked.
const renamesOpen = false
