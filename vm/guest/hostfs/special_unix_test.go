//go:build unix

package hostfs

import (
	"net"
	"path/filepath"
	"syscall"
	"testing"

	experimentalsys "github.com/tetratelabs/wazero/experimental/sys"
)

// What is neither a file nor a directory is refused, and at once: a FIFO whose other end nobody opens
// would be waited for. It can be seen and removed.
func TestSpecialFiles(t *testing.T) {
	g := newGuest(t, true)
	g.must(syscall.Mkfifo(filepath.Join(g.dir, "fifo"), 0o600))
	listener, err := net.Listen("unix", filepath.Join(g.dir, "socket"))
	g.must(err)
	defer listener.Close()
	g.link("fifo", "link")
	for _, name := range []string{"fifo", "socket", "link"} {
		for _, flag := range []experimentalsys.Oflag{experimentalsys.O_RDONLY, experimentalsys.O_WRONLY, readWrite, create} {
			_, errno := g.fs.OpenFile(name, flag, 0o600)
			g.want("open "+name, errno, experimentalsys.EPERM)
		}
		if stat, errno := g.fs.Stat(name); errno != 0 || stat.Mode.IsRegular() {
			t.Errorf("stat %s: %v, %v", name, stat.Mode, errno)
		}
	}
	g.want("unlink", g.fs.Unlink("fifo"), 0)
}

// A device that is put into the place of a file after it was looked at is refused all the same.
func TestSpecialFileAtTheLastMoment(t *testing.T) {
	g := newGuest(t, true)
	g.must(syscall.Mkfifo(filepath.Join(g.dir, "fifo"), 0o600))
	f := &file{folder: g.fs.(*folder), path: "fifo"}
	g.want("open", f.open(osFlags(experimentalsys.O_RDONLY), 0), experimentalsys.EPERM)
	if g.files.Open() != 0 {
		t.Error("it is still open")
	}
}
