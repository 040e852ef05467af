package hostfs

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	experimentalsys "github.com/tetratelabs/wazero/experimental/sys"
)

// guest is a guest with one folder. Beside the folder is a file that it must not get at.
type guest struct {
	t       *testing.T
	files   *Files
	fs      experimentalsys.FS
	dir     string // the folder on the host
	secret  string // the file beside it
	shared  int    // what all guests may still open
	operate int    // how often it was asked whether the guest lives
}

func newGuest(t *testing.T, writable bool) *guest {
	t.Helper()
	top := t.TempDir()
	g := &guest{t: t, dir: filepath.Join(top, "folder"), secret: filepath.Join(top, "secret"), shared: 1 << 20}
	g.must(os.Mkdir(g.dir, 0o700))
	g.must(os.WriteFile(g.secret, []byte("secret"), 0o600))
	g.must(os.WriteFile(filepath.Join(g.dir, "file"), []byte("content"), 0o600))
	g.must(os.Mkdir(filepath.Join(g.dir, "sub"), 0o700))
	root, err := os.OpenRoot(g.dir)
	g.must(err)
	g.files = New(Options{
		Most: 4, Alive: func() { g.operate++ }, Away: func() func() { return func() {} }, Release: func() { g.shared++ },
		Take: func() bool {
			if g.shared == 0 {
				return false
			}
			g.shared--
			return true
		},
	})
	g.fs = g.files.Mount(root, writable)
	t.Cleanup(func() {
		g.files.Close()
		if g.files.Open() != 0 || g.files.counted != 0 || g.shared != 1<<20 {
			t.Errorf("left open: %d, counted %d, taken %d", g.files.Open(), g.files.counted, 1<<20-g.shared)
		}
		g.must(root.Close())
	})
	return g
}

func (g *guest) must(err error) {
	g.t.Helper()
	if err != nil {
		g.t.Fatal(err)
	}
}

// link makes a symbolic link in the folder from outside.
func (g *guest) link(target, name string) {
	g.t.Helper()
	g.must(os.Symlink(target, filepath.Join(g.dir, name)))
}

func (g *guest) want(what string, got, want experimentalsys.Errno) {
	g.t.Helper()
	if got != want {
		g.t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func (g *guest) open(name string, flag experimentalsys.Oflag) experimentalsys.File {
	g.t.Helper()
	f, errno := g.fs.OpenFile(name, flag, 0o600)
	if errno != 0 {
		g.t.Fatalf("open %s: %v", name, errno)
	}
	return f
}

func (g *guest) content(name string) string {
	g.t.Helper()
	b, err := os.ReadFile(filepath.Join(g.dir, name))
	g.must(err)
	return string(b)
}

const (
	readWrite = experimentalsys.O_RDWR
	create    = experimentalsys.O_RDWR | experimentalsys.O_CREAT
)

// No path leads out of the folder, in whatever operation, and nothing outside is changed.
func TestNoWayOut(t *testing.T) {
	g := newGuest(t, true)
	g.link("../secret", "relative")
	g.link(g.secret, "absolute")
	g.link("../../..", "up")
	g.link("sub/../../secret", "down-and-up")
	g.link("relative", "chain")
	g.link(filepath.Dir(g.dir), "outside")
	for _, name := range []string{
		"../secret", "..", "sub/../../secret", "/../secret", "relative", "absolute", "down-and-up", "chain",
		"outside/secret", "up/etc/passwd", "outside/new", "outside", "outside/folder/../secret",
	} {
		if _, errno := g.fs.OpenFile(name, experimentalsys.O_RDONLY, 0o600); errno != experimentalsys.EPERM {
			t.Errorf("open %s: %v", name, errno)
		}
		_, stat := g.fs.Stat(name)
		if g.fs.Rename(name, "moved") == 0 { // a link itself may go elsewhere in the folder
			g.want("rename back", g.fs.Rename("moved", name), 0)
		}
		_, created := g.fs.OpenFile(name, create|experimentalsys.O_TRUNC, 0o600)
		for what, errno := range map[string]experimentalsys.Errno{
			"stat": stat, "create": created, "chmod": g.fs.Chmod(name, 0o777), "utimens": g.fs.Utimens(name, 1, 1),
			"mkdir": g.fs.Mkdir(name+"/new", 0o700), "link": g.fs.Link("file", name+"/new"),
			"symlink": g.fs.Symlink("file", name+"/new"), "unlink": g.fs.Unlink(name + "/secret"), "rename": g.fs.Rename("file", name+"/new"),
		} {
			if errno == 0 {
				t.Errorf("%s %s succeeded", what, name)
			}
		}
	}
	info, err := os.Stat(g.secret)
	g.must(err)
	b, err := os.ReadFile(g.secret)
	g.must(err)
	if string(b) != "secret" || info.Mode().Perm() != 0o600 || info.ModTime().Unix() == 0 {
		t.Errorf("the file outside has been changed: %q, %v, %v", b, info.Mode(), info.ModTime())
	}
	entries, err := os.ReadDir(filepath.Dir(g.dir))
	g.must(err)
	if len(entries) != 2 {
		t.Errorf("there is more outside than before: %v", entries)
	}
}

// A link to a link that leads out, made as a hard link, leads no further.
func TestHardLinkToSymbolicLink(t *testing.T) {
	g := newGuest(t, true)
	g.link(g.secret, "link")
	g.want("link", g.fs.Link("link", "hard"), 0)
	_, errno := g.fs.OpenFile("hard", experimentalsys.O_RDONLY, 0)
	g.want("open", errno, experimentalsys.EPERM)
	g.want("link out", g.fs.Link("../secret", "hard2"), experimentalsys.EPERM)
}

// While somebody exchanges a directory for a link to the outside and back, nobody gets out.
func TestRenameRace(t *testing.T) {
	g := newGuest(t, true)
	g.must(os.WriteFile(filepath.Join(g.dir, "sub", "secret"), []byte("inside"), 0o600))
	g.link("..", "out")
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		path := func(name string) string { return filepath.Join(g.dir, name) }
		for {
			select {
			case <-stop:
				return
			default: // an error is as good as none
				_ = os.Rename(path("sub"), path("aside"))
				_ = os.Rename(path("out"), path("sub"))
				_ = os.Rename(path("sub"), path("out"))
				_ = os.Rename(path("aside"), path("sub"))
			}
		}
	}()
	buf := make([]byte, 16)
	for range 2000 {
		f, errno := g.fs.OpenFile("sub/secret", experimentalsys.O_RDONLY, 0)
		if errno != 0 {
			continue
		}
		if n, _ := f.Read(buf); string(buf[:n]) != "inside" {
			t.Fatalf("read %q", buf[:n])
		}
		f.Close()
	}
	close(stop)
	<-done
}

func TestSymbolicLinks(t *testing.T) {
	g := newGuest(t, true)
	for _, target := range []string{"/etc/passwd", "../secret", "sub/../../secret", "..", "sub/../..", strings.Repeat("x", 5000)} {
		if errno := g.fs.Symlink(target, "made"); errno == 0 {
			t.Errorf("a link to %.20s was made", target)
		}
	}
	g.want("symlink", g.fs.Symlink("../file", "sub/made"), 0)
	target, errno := g.fs.Readlink("sub/made")
	g.want("readlink", errno, 0)
	stat, errno := g.fs.Lstat("sub/made")
	if target != "../file" || errno != 0 || stat.Mode&fs.ModeSymlink == 0 {
		t.Errorf("target %q, mode %v, %v", target, stat.Mode, errno)
	}
	if stat, errno = g.fs.Stat("sub/made"); errno != 0 || stat.Size != 7 {
		t.Errorf("size %d, %v", stat.Size, errno)
	}
	g.open("sub/made", experimentalsys.O_RDONLY).Close()
	_, errno = g.fs.OpenFile("sub/made", experimentalsys.O_NOFOLLOW, 0o600)
	g.want("no follow", errno, experimentalsys.ELOOP)
	g.link("loop", "loop")
	_, errno = g.fs.OpenFile("loop", experimentalsys.O_RDONLY, 0o600)
	g.want("loop", errno, experimentalsys.ELOOP)
}

func TestReadOnly(t *testing.T) {
	g := newGuest(t, false)
	for _, flag := range []experimentalsys.Oflag{
		experimentalsys.O_RDWR, experimentalsys.O_WRONLY, experimentalsys.O_CREAT, experimentalsys.O_TRUNC, experimentalsys.O_APPEND,
	} {
		_, errno := g.fs.OpenFile("file", flag, 0o600)
		g.want("open", errno, experimentalsys.EROFS)
	}
	f := g.open("file", experimentalsys.O_RDONLY)
	if n, errno := f.Write([]byte("x")); n != 0 || errno != experimentalsys.EBADF {
		t.Errorf("write: %d, %v", n, errno)
	}
	if errno := f.Truncate(0); errno == 0 {
		t.Error("truncate succeeded")
	}
	for what, errno := range map[string]experimentalsys.Errno{
		"mkdir": g.fs.Mkdir("new", 0o700), "chmod": g.fs.Chmod("file", 0o777), "rename": g.fs.Rename("file", "new"),
		"rmdir": g.fs.Rmdir("sub"), "unlink": g.fs.Unlink("file"), "link": g.fs.Link("file", "new"),
		"symlink": g.fs.Symlink("file", "new"), "utimens": g.fs.Utimens("file", 1, 1), "times of a file": f.Utimens(1, 1),
	} {
		g.want(what, errno, experimentalsys.EROFS)
	}
	if entries, err := os.ReadDir(g.dir); err != nil || len(entries) != 2 || g.content("file") != "content" {
		t.Errorf("changed: %v, %v", entries, err)
	}
}

// Beyond its own bound and that of all guests a guest is told so by WASI's numbers. What it closes, it
// may open again; its folder counts for all guests only.
func TestTooManyOpen(t *testing.T) {
	g := newGuest(t, true)
	folder, errno := g.fs.OpenFile(".", 0, 0) // as the runtime opens it
	g.want("folder", errno, 0)
	if _, errno = folder.Readdir(10); errno != 0 || g.files.Open() != 1 {
		t.Fatalf("readdir: %v, open %d", errno, g.files.Open())
	}
	var files []experimentalsys.File
	for range 4 {
		files = append(files, g.open("file", experimentalsys.O_RDONLY))
	}
	_, errno = g.fs.OpenFile(".", 0, 0o600)
	if number := g.files.Errno(); errno != experimentalsys.EIO || number != 33 {
		t.Errorf("a fifth: %v, number %d", errno, number)
	}
	g.want("close", files[0].Close(), 0)
	g.want("close again", files[0].Close(), experimentalsys.EBADF)
	g.open("file", experimentalsys.O_RDONLY).Close()
	shared := g.shared
	g.shared = 0
	_, errno = g.fs.OpenFile("file", experimentalsys.O_RDONLY, 0o600)
	if number := g.files.Errno(); errno != experimentalsys.EIO || number != 41 || g.files.Errno() != 0 {
		t.Errorf("beyond all: %v, number %d", errno, number)
	}
	g.shared = shared
}

// Files that fail to open take nothing.
func TestOpenFails(t *testing.T) {
	g := newGuest(t, true)
	for name, want := range map[string]experimentalsys.Errno{
		"none": experimentalsys.ENOENT, "file/x": experimentalsys.ENOTDIR, "sub": experimentalsys.EISDIR,
		strings.Repeat("x", 300): experimentalsys.ENAMETOOLONG, strings.Repeat("x/", 3000): experimentalsys.ENAMETOOLONG,
		"a\x00b": experimentalsys.EINVAL,
	} {
		_, errno := g.fs.OpenFile(name, readWrite, 0o600)
		g.want(name[:min(len(name), 10)], errno, want)
	}
	_, errno := g.fs.OpenFile("file", create|experimentalsys.O_EXCL, 0o600)
	g.want("exclusive", errno, experimentalsys.EEXIST)
	if g.files.Open() != 0 || g.shared != 1<<20 {
		t.Errorf("open %d, taken %d", g.files.Open(), 1<<20-g.shared)
	}
}
