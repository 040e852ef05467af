// Package hostfs gives a WASI guest folders of the host.
//
// Every path of a guest is resolved below an [os.Root], one component after the other from the
// descriptor of the folder on, so that neither "..", an absolute path, a symbolic link nor a rename at
// the wrong moment leads out of the folder. The runtime's own folders follow symbolic links out of
// themselves; they are not used. A guest opens regular files and directories only: to open a FIFO or a
// device could block for ever, or do something.
//
// What is open is counted for the guest and for all guests, and closed with [Files.Close] however the
// guest ends.
package hostfs

import (
	"os"

	experimentalsys "github.com/tetratelabs/wazero/experimental/sys"
)

// Options are the parameters of [New]. All are required.
type Options struct {
	// Most bounds the descriptors that the guest has open at a time, beside those of its folders.
	Most int
	// Take counts one more descriptor among those of all guests, or gives false; Release, one less.
	Take    func() bool
	Release func()
	// Alive is called in each operation, and between the parts of a long one. It does not return, but
	// panics, when the guest is to end.
	Alive func()
	// Away is called before the system may take long to do something, and what it gives, after that.
	Away func() (back func())
}

// Files are what a guest has open. They, and all that comes of them, are for the guest's goroutine.
type Files struct {
	opts    Options
	open    map[*file]struct{}
	counted int    // of open
	errno   uint32 // see Errno
}

// New gives the files of a guest. [Files.Close] closes what it leaves open.
func New(opts Options) *Files {
	return &Files{opts: opts, open: map[*file]struct{}{}}
}

// Mount gives a folder as the runtime wants it. Root stays the caller's.
func (f *Files) Mount(root *os.Root, writable bool) experimentalsys.FS {
	return &folder{files: f, root: root, writable: writable}
}

// Open is the number of descriptors that are open.
func (f *Files) Open() int { return len(f.open) }

// Close closes all that is open. Closing twice is harmless.
func (f *Files) Close() {
	for file := range f.open {
		file.Close()
	}
}

// take counts a file that is to be opened. A folder itself counts for all guests only.
func (f *Files) take(file *file) experimentalsys.Errno {
	if !file.itself {
		if errno := f.Take(); errno != 0 {
			return errno
		}
	} else if !f.opts.Take() {
		return f.FailAs(wasiTooManyOpenHere)
	}
	f.open[file] = struct{}{}
	return 0
}

// release takes back what take did.
func (f *Files) release(file *file) {
	delete(f.open, file)
	if !file.itself {
		f.Release()
	} else {
		f.opts.Release()
	}
}

// Take counts a descriptor that is to be opened, or says why there may be none. Release takes it back.
func (f *Files) Take() experimentalsys.Errno {
	if f.counted >= f.opts.Most {
		return f.FailAs(wasiTooManyOpen)
	}
	if !f.opts.Take() {
		return f.FailAs(wasiTooManyOpenHere)
	}
	f.counted++
	return 0
}

// Release takes back what [Files.Take] did.
func (f *Files) Release() {
	f.counted--
	f.opts.Release()
}
