//go:build unix

package module

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// ErrOthersWrite says that others than the user, and the administrator, may write to a file or a folder.
var ErrOthersWrite = errors.New("may be written by others")

// trusted reports, as [ErrOthersWrite], that somebody else may have written what a file or a folder has.
func trusted(info fs.FileInfo) error {
	owner := info.Sys().(*syscall.Stat_t).Uid
	if owner != 0 && owner != uint32(os.Geteuid()) {
		return fmt.Errorf("%w: it belongs to user %d", ErrOthersWrite, owner)
	}
	if mode := info.Mode().Perm(); mode&0o022 != 0 {
		return fmt.Errorf("%w: its mode is %#o", ErrOthersWrite, mode)
	}
	return nil
}
