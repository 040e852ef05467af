package hostfs

import (
	"errors"
	"io"
	"os"
	"syscall"

	experimentalsys "github.com/tetratelabs/wazero/experimental/sys"
)

// Error numbers of WASI preview 1 that the runtime has no name for.
const (
	wasiTooManyOpen     = 33 // EMFILE: the guest has
	wasiTooManyOpenHere = 41 // ENFILE: all guests have
)

// precise gives the numbers of WASI preview 1 for errors that the runtime would all turn into EIO.
var precise = map[syscall.Errno]uint32{
	syscall.EBUSY: 10, syscall.EDQUOT: 19, syscall.EFBIG: 22, syscall.EMFILE: wasiTooManyOpenHere, syscall.EMLINK: 34,
	syscall.ENFILE: wasiTooManyOpenHere, syscall.ENODEV: 43, syscall.ENOMEM: 48, syscall.ENOSPC: 51, syscall.ENXIO: 60,
	syscall.EOVERFLOW: 61, syscall.ESPIPE: 70, syscall.ETXTBSY: 74, syscall.EXDEV: 75,
}

// Errno takes the number, in WASI preview 1, of an error that was given as EIO since the last call,
// because the runtime has no name for it; 0 when there was none.
func (f *Files) Errno() uint32 {
	number := f.errno
	f.errno = 0
	return number
}

// FailAs notes the number, in WASI preview 1, that stands behind the EIO which it gives.
func (f *Files) FailAs(number uint32) experimentalsys.Errno {
	f.errno = number
	return experimentalsys.EIO
}

// fail gives the error number for an error of package os; 0 for none and for the end of a file. What
// is no error of the system is a refusal of [os.Root]: the path leads out of the folder.
func (f *Files) fail(err error) experimentalsys.Errno {
	var number syscall.Errno
	switch {
	case err == nil, errors.Is(err, io.EOF):
		return 0
	case errors.As(err, &number):
		if known, ok := precise[number]; ok {
			return f.FailAs(known)
		}
		return experimentalsys.UnwrapOSError(number)
	case errors.Is(err, os.ErrClosed):
		return experimentalsys.EBADF
	case errors.Is(err, os.ErrInvalid):
		return experimentalsys.EINVAL
	case errors.Is(err, os.ErrNotExist):
		return experimentalsys.ENOENT
	case errors.Is(err, os.ErrExist):
		return experimentalsys.EEXIST
	}
	return experimentalsys.EPERM
}
