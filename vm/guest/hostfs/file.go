package hostfs

import (
	"io"
	"io/fs"
	"os"

	experimentalsys "github.com/tetratelabs/wazero/experimental/sys"
	"github.com/tetratelabs/wazero/sys"
)

// chunkBytes is how much is read or written before the guest may be ended.
const chunkBytes = 1 << 20

// maxEntries bounds the entries of a directory that are read at a time. The runtime asks for as many as
// the guest's buffer could hold, which programs have of some KiB, and keeps them in the node's memory.
const maxEntries = 1 << 16

// file is a regular file or a directory: an [experimentalsys.PollableFile], whose errors it gives. All
// its methods fail with EBADF when it is closed.
type file struct {
	folder   *folder
	path     string
	f        *os.File // nil when it is closed, and of a folder itself until its entries are read
	itself   bool     // the folder itself, which no limit counts
	closed   bool
	append   bool // every write goes to the end
	appends  bool // the system sees to that
	nonblock bool
}

var _ experimentalsys.PollableFile = (*file)(nil)

// open opens what path stands for.
func (f *file) open(flags int, perm fs.FileMode) experimentalsys.Errno {
	files := f.folder.files
	if errno := files.take(f); errno != 0 {
		return errno
	}
	opened, err := f.folder.root.OpenFile(f.path, flags, perm.Perm())
	if err != nil {
		files.release(f)
		return files.fail(err)
	}
	f.f = opened
	info, err := opened.Stat()
	errno := files.fail(err)
	if errno == 0 {
		errno = kindOf(info.Mode())
	}
	if errno != 0 {
		f.Close()
	}
	return errno
}

// Close gives back the descriptor.
func (f *file) Close() experimentalsys.Errno {
	if f.closed {
		return experimentalsys.EBADF
	}
	f.closed = true
	if f.f == nil {
		return 0
	}
	err := f.f.Close()
	f.f = nil
	f.folder.files.release(f)
	return f.folder.files.fail(err)
}

// handle gives the open file. A folder itself is opened now.
func (f *file) handle() (*os.File, experimentalsys.Errno) {
	f.folder.files.opts.Alive()
	if f.closed {
		return nil, experimentalsys.EBADF
	}
	if f.f == nil {
		if errno := f.open(openFlags, 0); errno != 0 {
			return nil, errno
		}
	}
	return f.f, 0
}

func (f *file) Stat() (sys.Stat_t, experimentalsys.Errno) {
	if f.f == nil && !f.closed {
		return f.folder.Stat(f.path)
	}
	opened, errno := f.handle()
	if errno != 0 {
		return sys.Stat_t{}, errno
	}
	info, err := opened.Stat()
	if err != nil {
		return sys.Stat_t{}, f.folder.files.fail(err)
	}
	return sys.NewStat_t(info), 0
}

func (f *file) Dev() (uint64, experimentalsys.Errno) {
	stat, errno := f.Stat()
	return stat.Dev, errno
}

func (f *file) Ino() (sys.Inode, experimentalsys.Errno) {
	stat, errno := f.Stat()
	return stat.Ino, errno
}

func (f *file) IsDir() (bool, experimentalsys.Errno) {
	stat, errno := f.Stat()
	return stat.Mode.IsDir(), errno
}

func (f *file) IsAppend() bool { return f.append }

// SetAppend turns appending on or off, but not off for a file that was opened with it: the system
// would go on.
func (f *file) SetAppend(enable bool) experimentalsys.Errno {
	if f.appends && !enable {
		return experimentalsys.ENOTSUP
	}
	f.append = enable
	return 0
}

// IsNonblock, SetNonblock and Poll: regular files are always ready.
func (f *file) IsNonblock() bool { return f.nonblock }

func (f *file) SetNonblock(enable bool) experimentalsys.Errno {
	f.nonblock = enable
	return 0
}

func (f *file) Poll(experimentalsys.Pflag, int32) (bool, experimentalsys.Errno) { return true, 0 }

func (f *file) Read(buf []byte) (int, experimentalsys.Errno) {
	return f.chunks(buf, false, (*os.File).Read)
}

func (f *file) Pread(buf []byte, offset int64) (int, experimentalsys.Errno) {
	if offset < 0 {
		return 0, experimentalsys.EINVAL
	}
	return f.chunks(buf, false, func(opened *os.File, chunk []byte) (int, error) {
		n, err := opened.ReadAt(chunk, offset)
		offset += int64(n)
		return n, err
	})
}

func (f *file) Write(buf []byte) (int, experimentalsys.Errno) {
	if f.append && !f.appends {
		if _, errno := f.Seek(0, io.SeekEnd); errno != 0 {
			return 0, errno
		}
	}
	return f.chunks(buf, true, (*os.File).Write)
}

// Pwrite appends to a file that is open for that, as Linux does.
func (f *file) Pwrite(buf []byte, offset int64) (int, experimentalsys.Errno) {
	if f.append {
		return f.Write(buf)
	}
	if offset < 0 {
		return 0, experimentalsys.EINVAL
	}
	return f.chunks(buf, true, func(opened *os.File, chunk []byte) (int, error) {
		n, err := opened.WriteAt(chunk, offset)
		offset += int64(n)
		return n, err
	})
}

// chunks transfers the buffer. It stops early at an error and, unless all has to go, at the end of the
// file. An error after the first bytes is the next call's.
func (f *file) chunks(buf []byte, all bool, transfer func(*os.File, []byte) (int, error)) (int, experimentalsys.Errno) {
	for done := 0; ; {
		opened, errno := f.handle()
		if errno != 0 {
			return done, errno
		}
		chunk := buf[done:min(len(buf), done+chunkBytes)]
		back := f.folder.files.opts.Away()
		n, err := transfer(opened, chunk)
		back()
		done += n
		errno = f.folder.files.fail(err)
		if errno != 0 && (all || done == 0) {
			return done, errno
		}
		if errno != 0 || n < len(chunk) || done == len(buf) {
			return done, 0
		}
	}
}

// position is an int64 by another name: go vet takes a Seek(int64, int) for io.Seeker's.
type position = int64

func (f *file) Seek(offset position, whence int) (int64, experimentalsys.Errno) {
	if whence < io.SeekStart || whence > io.SeekEnd {
		return 0, experimentalsys.EINVAL
	}
	opened, errno := f.handle()
	if errno != 0 {
		return 0, errno
	}
	at, err := opened.Seek(offset, whence)
	return at, f.folder.files.fail(err)
}

// Readdir gives fewer than n entries at the end only.
func (f *file) Readdir(n int) ([]experimentalsys.Dirent, experimentalsys.Errno) {
	if n <= 0 || n > maxEntries {
		return nil, experimentalsys.EINVAL
	}
	opened, errno := f.handle()
	if errno != 0 {
		return nil, errno
	}
	infos, err := opened.Readdir(n)
	if errno := f.folder.files.fail(err); errno != 0 {
		return nil, errno
	}
	entries := make([]experimentalsys.Dirent, len(infos))
	for i, info := range infos {
		entries[i] = experimentalsys.Dirent{Name: info.Name(), Ino: sys.NewStat_t(info).Ino, Type: info.Mode().Type()}
	}
	return entries, 0
}

func (f *file) Truncate(size int64) experimentalsys.Errno {
	if size < 0 {
		return experimentalsys.EINVAL
	}
	opened, errno := f.handle()
	if errno != 0 {
		return errno
	}
	return f.folder.files.fail(opened.Truncate(size))
}

func (f *file) Sync() experimentalsys.Errno {
	opened, errno := f.handle()
	if errno != 0 {
		return errno
	}
	defer f.folder.files.opts.Away()()
	return f.folder.files.fail(opened.Sync())
}

func (f *file) Datasync() experimentalsys.Errno { return f.Sync() }

// Utimens sets the times of the file at the path that this one was opened at, if it is still there.
func (f *file) Utimens(atim, mtim int64) experimentalsys.Errno {
	opened, errno := f.handle()
	if errno != 0 {
		return errno
	}
	own, err := opened.Stat()
	if err != nil {
		return f.folder.files.fail(err)
	}
	if there, err := f.folder.root.Stat(f.path); err != nil || !os.SameFile(own, there) {
		return experimentalsys.ENOTSUP
	}
	return f.folder.Utimens(f.path, atim, mtim)
}
