//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package module

import (
	"os"
	"syscall"
)

// tryLock takes a file for its opener alone, until it is closed or the program ends. Whoever opens it for itself, in
// this program or another, finds it taken.
func tryLock(f *os.File) bool {
	return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil
}

// renamesOpen says that a file can get another name while it is open, and so while it is locked.
const renamesOpen = true
