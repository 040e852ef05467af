package module

import (
	"math"
	"os"
	"syscall"
	"unsafe"
)

// lockFileEx is a function of Windows that the syscall package does not have, and golang.org/x/sys/windows has with
// all of the network.
var lockFileEx = syscall.NewLazyDLL("kernel32.dll").NewProc("LockFileEx")

// tryLock takes a file for its opener alone, until it is closed or the program ends. The byte that is locked lies
// behind all that a file has, since nobody else can read or write what is locked.
func tryLock(f *os.File) bool {
	const failImmediately, exclusive = 1, 2
	behind := syscall.Overlapped{Offset: math.MaxUint32, OffsetHigh: math.MaxInt32}
	ok, _, _ := lockFileEx.Call(f.Fd(), failImmediately|exclusive, 0, 1, 0, uintptr(unsafe.Pointer(&behind)))
	return ok != 0
}

// renamesOpen says that a file can get another name while it is open, and so while it is locked.
const renamesOpen = false
