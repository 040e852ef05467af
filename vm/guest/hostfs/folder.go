package hostfs

import (
	"cmp"
	"io/fs"
	"os"
	"path"
	"strings"
	"time"

	experimentalsys "github.com/tetratelabs/wazero/experimental/sys"
	"github.com/tetratelabs/wazero/sys"
)

// maxPathBytes bounds a path: what Linux takes.
const maxPathBytes = 4096

// folder is an [experimentalsys.FS], whose errors it gives.
type folder struct {
	files    *Files
	root     *os.Root
	writable bool
}

// check refuses paths that are too long, as the runtime keeps those of open directories. What is below
// a directory that was opened as "." it gives with a slash in front, which is taken away.
func (d *folder) check(paths ...*string) experimentalsys.Errno {
	d.files.opts.Alive()
	for _, p := range paths {
		if len(*p) > maxPathBytes {
			return experimentalsys.ENAMETOOLONG
		}
		*p = cmp.Or(strings.TrimLeft(*p, "/"), ".")
	}
	return 0
}

// change is check for what changes the folder.
func (d *folder) change(paths ...*string) experimentalsys.Errno {
	if errno := d.check(paths...); errno != 0 {
		return errno
	}
	if !d.writable {
		return experimentalsys.EROFS
	}
	return 0
}

const writes = experimentalsys.O_RDWR | experimentalsys.O_WRONLY | experimentalsys.O_CREAT |
	experimentalsys.O_TRUNC | experimentalsys.O_APPEND

// OpenFile opens a regular file or a directory.
func (d *folder) OpenFile(name string, flag experimentalsys.Oflag, perm fs.FileMode) (experimentalsys.File, experimentalsys.Errno) {
	if flag&experimentalsys.O_DIRECTORY != 0 {
		flag &^= writes // languages ask for more than a directory can give
	}
	errno := d.check(&name)
	if flag&writes != 0 {
		errno = d.change(&name)
	}
	if errno != 0 {
		return nil, errno
	}
	if name == "." && flag == 0 && perm == 0 {
		// The runtime opens a folder in this way to look at it, and no guest can. It takes no error.
		return &file{folder: d, path: name, itself: true}, 0
	}
	if errno := d.mayOpen(name, flag); errno != 0 {
		return nil, errno
	}
	f := &file{
		folder: d, path: name, append: flag&experimentalsys.O_APPEND != 0,
		nonblock: flag&experimentalsys.O_NONBLOCK != 0,
	}
	f.appends = f.append
	if errno := f.open(osFlags(flag), perm); errno != 0 {
		return nil, errno
	}
	return f, 0
}

// mayOpen looks before anything is opened: to open a device may do something. What is put into its
// place in between is looked at when it is open.
func (d *folder) mayOpen(name string, flag experimentalsys.Oflag) experimentalsys.Errno {
	link, err := d.root.Lstat(name)
	if err != nil {
		return 0 // to open it will fail too, or create it
	}
	if link.Mode()&fs.ModeSymlink != 0 {
		if flag&experimentalsys.O_NOFOLLOW != 0 {
			return experimentalsys.ELOOP
		}
		if link, err = d.root.Stat(name); err != nil {
			return 0
		}
	}
	return kindOf(link.Mode())
}

// kindOf refuses what is neither a regular file nor a directory.
func kindOf(mode fs.FileMode) experimentalsys.Errno {
	if mode.IsRegular() || mode.IsDir() {
		return 0
	}
	return experimentalsys.EPERM
}

// osFlags gives the flags of package os.
func osFlags(flag experimentalsys.Oflag) int {
	flags := openFlags
	switch {
	case flag&experimentalsys.O_RDWR != 0:
		flags |= os.O_RDWR
	case flag&experimentalsys.O_WRONLY != 0:
		flags |= os.O_WRONLY
	}
	for _, f := range []struct {
		from experimentalsys.Oflag
		to   int
	}{
		{experimentalsys.O_APPEND, os.O_APPEND},
		{experimentalsys.O_CREAT, os.O_CREATE},
		{experimentalsys.O_EXCL, os.O_EXCL},
		{experimentalsys.O_TRUNC, os.O_TRUNC},
		{experimentalsys.O_SYNC | experimentalsys.O_DSYNC | experimentalsys.O_RSYNC, os.O_SYNC},
	} {
		if flag&f.from != 0 {
			flags |= f.to
		}
	}
	return flags
}

func (d *folder) Lstat(name string) (sys.Stat_t, experimentalsys.Errno) {
	return d.stat(name, d.root.Lstat)
}

func (d *folder) Stat(name string) (sys.Stat_t, experimentalsys.Errno) {
	return d.stat(name, d.root.Stat)
}

func (d *folder) stat(name string, stat func(string) (os.FileInfo, error)) (sys.Stat_t, experimentalsys.Errno) {
	if errno := d.check(&name); errno != 0 {
		return sys.Stat_t{}, errno
	}
	info, err := stat(name)
	if err != nil {
		return sys.Stat_t{}, d.files.fail(err)
	}
	return sys.NewStat_t(info), 0
}

func (d *folder) Mkdir(name string, perm fs.FileMode) experimentalsys.Errno {
	if errno := d.change(&name); errno != 0 {
		return errno
	}
	return d.files.fail(d.root.Mkdir(name, perm.Perm()))
}

func (d *folder) Chmod(name string, perm fs.FileMode) experimentalsys.Errno {
	if errno := d.change(&name); errno != 0 {
		return errno
	}
	return d.files.fail(d.root.Chmod(name, perm.Perm()))
}

func (d *folder) Rename(from, to string) experimentalsys.Errno {
	if errno := d.change(&from, &to); errno != 0 {
		return errno
	}
	return d.files.fail(d.root.Rename(from, to))
}

// Rmdir removes a directory.
func (d *folder) Rmdir(name string) experimentalsys.Errno {
	return d.remove(name, true, experimentalsys.ENOTDIR)
}

// Unlink removes anything but a directory.
func (d *folder) Unlink(name string) experimentalsys.Errno {
	return d.remove(name, false, experimentalsys.EISDIR)
}

// remove removes a name, if it is a directory's or not, as wanted. Who changes it in between loses
// what it changed it to.
func (d *folder) remove(name string, directory bool, wrong experimentalsys.Errno) experimentalsys.Errno {
	if errno := d.change(&name); errno != 0 {
		return errno
	}
	info, err := d.root.Lstat(name)
	if err != nil {
		return d.files.fail(err)
	}
	if info.IsDir() != directory {
		return wrong
	}
	return d.files.fail(d.root.Remove(name))
}

func (d *folder) Link(from, to string) experimentalsys.Errno {
	if errno := d.change(&from, &to); errno != 0 {
		return errno
	}
	return d.files.fail(d.root.Link(from, to))
}

// Symlink makes a symbolic link. One that leads out of the folder would lead nowhere for guests, but
// astray whoever else comes across it, so there are none.
func (d *folder) Symlink(target, name string) experimentalsys.Errno {
	if errno := d.change(&name); errno != 0 {
		return errno
	}
	if len(target) > maxPathBytes {
		return experimentalsys.ENAMETOOLONG
	}
	target = strings.Clone(target) // the runtime's is the guest's memory
	if path.IsAbs(target) || !fs.ValidPath(path.Join(path.Dir(name), target)) {
		return experimentalsys.EPERM
	}
	return d.files.fail(d.root.Symlink(target, name))
}

func (d *folder) Readlink(name string) (string, experimentalsys.Errno) {
	if errno := d.check(&name); errno != 0 {
		return "", errno
	}
	target, err := d.root.Readlink(name)
	return target, d.files.fail(err)
}

func (d *folder) Utimens(name string, atim, mtim int64) experimentalsys.Errno {
	if errno := d.change(&name); errno != 0 {
		return errno
	}
	return d.files.fail(d.root.Chtimes(name, timeOf(atim), timeOf(mtim)))
}

// timeOf gives a time; the zero time leaves a file's as it is.
func timeOf(ns int64) time.Time {
	if ns == experimentalsys.UTIME_OMIT {
		return time.Time{}
	}
	return time.Unix(0, ns)
}
