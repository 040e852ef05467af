package hostfs

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	experimentalsys "github.com/tetratelabs/wazero/experimental/sys"
)

func TestReadAndWrite(t *testing.T) {
	g := newGuest(t, true)
	f := g.open("new", create)
	long := bytes.Repeat([]byte("0123456789abcdef"), 3*chunkBytes/16)
	before := g.operate
	if n, errno := f.Write(long); n != len(long) || errno != 0 {
		t.Fatalf("write: %d, %v", n, errno)
	}
	if g.operate-before < 3 {
		t.Errorf("asked %d times while writing 3 MiB whether the guest lives", g.operate-before)
	}
	if n, errno := f.Pwrite([]byte("xy"), 4); n != 2 || errno != 0 {
		t.Errorf("pwrite: %d, %v", n, errno)
	}
	buf := make([]byte, len(long)+10)
	if n, errno := f.Pread(buf, 2); n != len(long)-2 || errno != 0 || string(buf[:5]) != "23xy6" {
		t.Errorf("pread: %d, %v, %q", n, errno, buf[:5])
	}
	if at, errno := f.Seek(-3, io.SeekEnd); at != int64(len(long))-3 || errno != 0 {
		t.Errorf("seek: %d, %v", at, errno)
	}
	if n, errno := f.Read(buf); n != 3 || errno != 0 || string(buf[:n]) != "def" {
		t.Errorf("read: %d, %v", n, errno)
	}
	if n, errno := f.Read(buf); n != 0 || errno != 0 {
		t.Errorf("read at the end: %d, %v", n, errno)
	}
	g.want("truncate", f.Truncate(5), 0)
	g.want("sync", f.Sync(), 0)
	g.want("datasync", f.Datasync(), 0)
	if stat, errno := f.Stat(); errno != 0 || stat.Size != 5 || stat.Ino == 0 || g.content("new") != "0123x" {
		t.Errorf("stat %+v, %v, content %q", stat, errno, g.content("new"))
	}
}

// Numbers that make no sense are refused, and so is all of a closed file.
func TestBadUse(t *testing.T) {
	g := newGuest(t, true)
	f := g.open("file", readWrite)
	_, seek := f.Seek(-1, io.SeekStart)
	_, whence := f.Seek(0, 3)
	_, pread := f.Pread(make([]byte, 1), -1)
	_, pwrite := f.Pwrite(make([]byte, 1), -1)
	_, many := f.Readdir(1 << 30)
	_, none := f.Readdir(0)
	for i, errno := range []experimentalsys.Errno{seek, whence, pread, pwrite, many, none, f.Truncate(-1)} {
		g.want(fmt.Sprint(i), errno, experimentalsys.EINVAL)
	}
	_, entries := f.Readdir(1)
	g.want("entries of a file", entries, experimentalsys.ENOTDIR)
	directory := g.open("sub", experimentalsys.O_RDONLY)
	_, errno := directory.Read(make([]byte, 1))
	g.want("read a directory", errno, experimentalsys.EISDIR)
	g.want("close", f.Close(), 0)
	_, read := f.Read(make([]byte, 1))
	_, write := f.Write(make([]byte, 1))
	_, stat := f.Stat()
	_, at := f.Seek(0, 0)
	for i, errno := range []experimentalsys.Errno{read, write, stat, at, f.Sync(), f.Truncate(0), f.Utimens(1, 1)} {
		g.want(fmt.Sprint("closed ", i), errno, experimentalsys.EBADF)
	}
}

func TestAppend(t *testing.T) {
	g := newGuest(t, true)
	f := g.open("file", experimentalsys.O_WRONLY|experimentalsys.O_APPEND)
	if !f.IsAppend() {
		t.Error("it does not append")
	}
	_, first := f.Write([]byte("+1"))
	_, second := f.Pwrite([]byte("+2"), 0) // as on Linux
	g.want("write", first, 0)
	g.want("pwrite", second, 0)
	g.want("stop", f.SetAppend(false), experimentalsys.ENOTSUP)
	g.want("go on", f.SetAppend(true), 0)
	late := g.open("file", readWrite)
	g.want("start", late.SetAppend(true), 0)
	if _, errno := late.Write([]byte("+3")); errno != 0 || g.content("file") != "content+1+2+3" {
		t.Errorf("%v, content %q", errno, g.content("file"))
	}
	g.want("stop", late.SetAppend(false), 0)
	if _, errno := late.Pwrite([]byte("C"), 0); errno != 0 || g.content("file") != "Content+1+2+3" {
		t.Errorf("%v, content %q", errno, g.content("file"))
	}
	pollable := late.(experimentalsys.PollableFile)
	g.want("nonblock", pollable.SetNonblock(true), 0)
	if ready, errno := pollable.Poll(experimentalsys.POLLIN, 0); !ready || errno != 0 || !pollable.IsNonblock() {
		t.Errorf("ready %v, %v", ready, errno)
	}
}

func TestDirectories(t *testing.T) {
	g := newGuest(t, true)
	for i := range 10 {
		g.must(os.WriteFile(filepath.Join(g.dir, "sub", fmt.Sprint(i)), nil, 0o600))
	}
	d := g.open("sub", experimentalsys.O_DIRECTORY|readWrite) // languages ask for that
	seen := map[string]bool{}
	for want := 4; want > 0; {
		entries, errno := d.Readdir(4)
		g.want("readdir", errno, 0)
		for _, e := range entries {
			seen[e.Name] = e.Type.IsRegular() && e.Ino != 0
		}
		if want = len(entries); want < 4 {
			break
		}
	}
	if len(seen) != 10 || !seen["7"] {
		t.Errorf("seen %v", seen)
	}
	_, errno := d.Seek(0, io.SeekStart)
	g.want("rewind", errno, 0)
	if entries, errno := d.Readdir(100); errno != 0 || len(entries) != 10 {
		t.Errorf("after rewinding: %d, %v", len(entries), errno)
	}
	if is, errno := d.IsDir(); !is || errno != 0 {
		t.Errorf("directory %v, %v", is, errno)
	}
	g.want("mkdir", g.fs.Mkdir("made", 0o700), 0)
	g.want("mkdir again", g.fs.Mkdir("made", 0o700), experimentalsys.EEXIST)
	g.want("rename", g.fs.Rename("made", "sub/made"), 0)
	g.want("unlink a directory", g.fs.Unlink("sub/made"), experimentalsys.EISDIR)
	g.want("rmdir", g.fs.Rmdir("sub/made"), 0)
	g.want("rmdir of a file", g.fs.Rmdir("file"), experimentalsys.ENOTDIR)
	g.want("rmdir of a full one", g.fs.Rmdir("sub"), experimentalsys.ENOTEMPTY)
	g.want("unlink", g.fs.Unlink("file"), 0)
	g.want("unlink again", g.fs.Unlink("file"), experimentalsys.ENOENT)
}

// The runtime puts a slash before what is below a directory that was opened as ".".
func TestLeadingSlash(t *testing.T) {
	g := newGuest(t, true)
	g.open("/file", experimentalsys.O_RDONLY)
	g.want("mkdir", g.fs.Mkdir("//sub/x", 0o700), 0)
	if stat, errno := g.fs.Stat("/"); errno != 0 || !stat.Mode.IsDir() {
		t.Errorf("the folder: %v, %v", stat.Mode, errno)
	}
}

func TestModesAndTimes(t *testing.T) {
	g := newGuest(t, true)
	g.want("chmod", g.fs.Chmod("file", 0o640|fs.ModeSetuid), 0)
	g.want("utimens", g.fs.Utimens("file", 1e9, 2e9), 0)
	f := g.open("file", readWrite)
	g.want("times of a file", f.Utimens(experimentalsys.UTIME_OMIT, 3e9), 0)
	stat, errno := f.Stat()
	if errno != 0 || stat.Mode != 0o640 || stat.Atim != 1e9 || stat.Mtim != 3e9 {
		t.Errorf("%+v, %v", stat, errno)
	}
	g.want("rename", g.fs.Rename("file", "renamed"), 0)
	g.want("times of a file that is elsewhere now", f.Utimens(5e9, 5e9), experimentalsys.ENOTSUP)
}
