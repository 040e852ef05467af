package guest

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
	"github.com/wnode/wnode/vm"
)

// More error numbers of WASI preview 1.
const (
	wasiNotCapable  = 63 // EPERM
	wasiReadOnly    = 69
	wasiTooMany     = 33
	wasiTooManyHere = 41
)

// rights of WASI, and flags of path_open.
const (
	wasiRead, wasiWrite = 1 << 1, 1 << 6
	wasiCreate          = 1
)

// withFolder gives the guest a folder of the host at /data, and beside it a link that leads out.
func withFolder(t *testing.T, writable bool, more vm.Rights) (dir string, option func(*vm.SpawnOptions)) {
	t.Helper()
	dir = t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "file"), []byte("content"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/etc/passwd", filepath.Join(dir, "out")); err != nil {
		t.Fatal(err)
	}
	folder, err := vm.OpenFolder(dir, "/data", writable)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = folder.Close() })
	more.Reach = &vm.Reach{
		Folders: []*vm.Folder{folder}, Environment: map[string]string{"MODE": "fast", "EMPTY": ""},
	}
	return dir, withRights(more)
}

// openPath opens a path below the folder. The descriptor is put at 300.
func openPath(path op, rights, flags int64) op {
	return invoke("wasi.path_open", i32c(3), i32c(1), path, i32c(flags), i64c(rights), i64c(0), i32c(0), i32c(300))
}

var aFile, aLink = region(0, "file"), region(8, "out")

// files is a module that knows the paths.
func files(body ...op) *wasmModule {
	return entry(body...).Write(0, "file").Write(8, "out").Iovec(200, 100, 7)
}

func TestFolder(t *testing.T) {
	n := newTestNode(t)
	dir, option := withFolder(t, true, vm.Rights{})
	descriptor := seq(i32c(300), i32Load)
	p := n.start(files(
		n.report(openPath(aFile, wasiRead|wasiWrite, 0)),
		n.report(descriptor),
		n.report(invoke("wasi.fd_read", descriptor, i32c(200), i32c(1), i32c(208))), n.tell(100, 7),
		n.report(invoke("wasi.fd_write", descriptor, i32c(200), i32c(1), i32c(208))),
		n.report(openPath(aLink, wasiRead, 0)),
		n.report(openPath(region(0, "file"), wasiRead, 2)), // as a directory
		n.report(invoke("wasi.fd_close", descriptor)),
	).Bytes(), option)
	n.wantReports(wasiOK, 4, wasiOK)
	if got := string(n.next()); got != "content" {
		t.Errorf("read %q", got)
	}
	n.wantReports(wasiOK, wasiNotCapable, 54, wasiOK)
	wantReason(t, p.wait(), "normal")
	if got, err := os.ReadFile(filepath.Join(dir, "file")); err != nil || string(got) != "contentcontent" {
		t.Errorf("the file has %q, %v", got, err)
	}
}

// W-10: the environment is what was given, and where the guest is, no more.
func TestEnvironment(t *testing.T) {
	n := newTestNode(t)
	_, folder := withFolder(t, true, vm.Rights{})
	_, denied := withFolder(t, true, vm.Rights{Denied: vm.PermitEnvironment | vm.PermitFiles})
	tellAll := entry(invoke("wasi.environ_get", i32c(0), i32c(100)), drop, n.tell(100, 40)).Bytes()
	for want, option := range map[string]func(*vm.SpawnOptions){"EMPTY=\x00MODE=fast\x00PWD=/\x00": folder, "": denied} {
		p := n.start(tellAll, option)
		if got := n.next(); string(bytes.TrimRight(got, "\x00")) != string(bytes.TrimRight([]byte(want), "\x00")) {
			t.Errorf("environment %q, want %q", got, want)
		}
		p.wait()
	}
}

// What a guest may not do is the error number that programs know.
func TestFilesDenied(t *testing.T) {
	n := newTestNode(t, func(o *Options) { o.TotalFiles = 3 })
	create := openPath(aFile, wasiRead|wasiWrite, wasiCreate)
	mkdir := invoke("wasi.path_create_directory", i32c(3), region(400, "new"))
	for name, c := range map[string]struct {
		writable bool
		rights   vm.Rights
		want     [5]int32
	}{
		"allowed":   {true, vm.Rights{}, [5]int32{wasiOK, wasiOK, wasiOK, wasiOK, wasiTooManyHere}},
		"read-only": {false, vm.Rights{}, [5]int32{wasiReadOnly, wasiReadOnly, wasiOK, wasiOK, wasiOK}},
		"no writing": {
			true,
			vm.Rights{Denied: vm.PermitFilesWrite},
			[5]int32{wasiReadOnly, wasiReadOnly, wasiOK, wasiOK, wasiOK},
		},
		"no files":     {true, vm.Rights{Denied: vm.PermitFiles}, [5]int32{wasiBadF, wasiBadF, wasiBadF, wasiBadF, wasiBadF}},
		"not chosen":   {true, vm.Rights{Folders: vm.FolderChoice{}}, [5]int32{wasiBadF, wasiBadF, wasiBadF, wasiBadF, wasiBadF}},
		"a file or so": {true, vm.Rights{Limits: vm.Limits{Files: 1}}, [5]int32{wasiOK, wasiOK, wasiTooMany, wasiTooMany, wasiTooMany}},
	} {
		t.Run(name, func(t *testing.T) {
			_, option := withFolder(t, c.writable, c.rights)
			read := openPath(aFile, wasiRead, 0)
			p := n.start(files(n.report(mkdir), n.report(create), n.report(read), n.report(read), n.report(read)).
				Write(400, "new").Bytes(), option)
			n.wantReports(c.want[:]...)
			wantReason(t, p.wait(), "normal")
		})
	}
}

// However a guest ends, what it has open is closed: W-03, W-04, W-07.
func TestFilesAreClosed(t *testing.T) {
	n := newTestNode(t)
	open := openPath(aFile, wasiRead, 0)
	both := seq(n.report(open), n.report(open))
	waits := seq(invoke("wnode.receive", i64c(-1), i32c(0), i32c(9)), drop)
	failing := files().Fn("init", both, unreachable)
	failing.Start = "init"
	for name, c := range map[string]struct {
		module *wasmModule
		kill   bool
	}{
		"returns":        {module: files(both)},
		"proc_exit":      {module: files(both, invoke("wasi.proc_exit", i32c(1)))},
		"trap":           {module: files(both, unreachable)},
		"start function": {module: failing},
		"killed waiting": {files(both, waits), true},
		"killed opening": {files(both, repeat(open, drop, invoke("wasi.fd_close", seq(i32c(300), i32Load)), drop)), true},
		"closes stdio":   {module: files(invoke("wasi.fd_close", i32c(0)), drop, both)},
	} {
		t.Run(name, func(t *testing.T) {
			_, option := withFolder(t, true, vm.Rights{})
			p := n.start(c.module.Bytes(), option)
			n.wantReports(wasiOK, wasiOK)
			if c.kill {
				n.kill(p.pid)
			}
			p.wait()
			if used := n.engine.files.used.Load(); used != 0 {
				t.Errorf("%d descriptors are still open", used)
			}
		})
	}
}

// The runtime's table of descriptors is as long as the highest number: a guest cannot make it so.
func TestRenumber(t *testing.T) {
	n := newTestNode(t)
	_, option := withFolder(t, true, vm.Rights{Limits: vm.Limits{Files: 2}})
	renumber := func(to int64) op { return n.report(invoke("wasi.fd_renumber", seq(i32c(300), i32Load), i32c(to))) }
	p := n.start(files(
		n.report(openPath(aFile, wasiRead, 0)), // 4
		renumber(1<<31-1), renumber(1<<20), renumber(6), renumber(-1), renumber(5),
		n.report(invoke("wasi.fd_close", i32c(5))),
	).Bytes(), option)
	n.wantReports(wasiOK, wasiBadF, wasiBadF, wasiBadF, wasiBadF, wasiOK, wasiOK)
	p.wait()
}

// A guest gives its child some of its folders, by path, and no more than it has.
func TestSpawnWithFolders(t *testing.T) {
	n := newTestNode(t)
	for name, c := range map[string]struct {
		folders []any
		want    []any
	}{
		"less": {[]any{"/data:ro"}, []any{"/data:ro"}},
		"more": {[]any{"/data", "/", "/etc"}, []any{"/data"}},
		"none": {[]any{}, []any{}},
	} {
		t.Run(name, func(t *testing.T) {
			_, option := withFolder(t, true, vm.Rights{})
			options := string(term.MustEncode(map[string]any{"export": "child", "folders": c.folders}))
			facts := invoke("wnode.process_info", pidAt(0), i32c(2000), i32c(4000))
			child := seq(invoke("wnode.self", i32c(0)), drop, invoke("wnode.send", pid(n.pid), i32c(2000), facts), drop)
			m := entry(invoke("wnode.spawn", region(1000, options), i32c(0)), drop).Write(1000, options).Fn("child", child)
			n.start(m.Bytes(), option)
			info, err := term.Decode(n.next())
			if err != nil {
				t.Fatal(err)
			}
			if got := info.(map[any]any)["folders"]; term.Format(got, nil) != term.Format(c.want, nil) {
				t.Errorf("folders %v, want %v", got, c.want)
			}
		})
	}
	for _, bad := range []any{"/data", []any{"data"}, []any{"/a/../b"}, []any{1}, []any{"/a:rw"}, map[string]any{"/data": true}} {
		options := string(term.MustEncode(map[string]any{"folders": bad}))
		n.start(entry(n.report(invoke("wnode.spawn", region(1000, options), i32c(0)))).Write(1000, options).Bytes())
		n.wantReports(errno(abi.ErrBadArgument))
	}
}
