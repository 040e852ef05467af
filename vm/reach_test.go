package vm_test

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/vm"
)

func openFolder(t testing.TB, guest string, writable bool) *vm.Folder {
	t.Helper()
	folder, err := vm.OpenFolder(t.TempDir(), guest, writable)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = folder.Close() })
	return folder
}

func choice(t testing.TB, folders ...string) vm.FolderChoice {
	t.Helper()
	c, err := vm.ParseFolderChoice(folders)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// A child has the folders and the environment of its parent, or some of it, and never more. A process
// that another node asked for has what its own node gives such ones, and the choices made on the way hold.
func TestReachIsInherited(t *testing.T) {
	reach := &vm.Reach{
		Folders:     []*vm.Folder{openFolder(t, "/data", true), openFolder(t, "/etc", false)},
		Environment: map[string]string{"MODE": "here"},
	}
	there := &vm.Reach{
		Folders:     []*vm.Folder{openFolder(t, "/data", true), openFolder(t, "/there", true)},
		Environment: map[string]string{"MODE": "there", "REMOTE": "1"},
	}
	for name, c := range map[string]struct {
		parent, child    vm.Rights
		here, there      string
		environmentHere  string
		environmentThere string
	}{
		"all": {vm.Rights{}, vm.Rights{}, "/data /etc:ro", "/data /there", "MODE", "MODE REMOTE"},
		"some": {
			vm.Rights{},
			vm.Rights{Folders: choice(t, "/data:ro", "/more")},
			"/data:ro", "/data:ro", "MODE", "MODE REMOTE",
		},
		"none": {vm.Rights{}, vm.Rights{Folders: choice(t)}, "", "", "MODE", "MODE REMOTE"},
		"more than the parent": {
			vm.Rights{Folders: choice(t, "/data:ro")},
			vm.Rights{Folders: choice(t, "/data", "/etc", "/there")},
			"/data:ro", "/data:ro", "MODE", "MODE REMOTE",
		},
		"parent without": {vm.Rights{Folders: choice(t)}, vm.Rights{}, "", "", "MODE", "MODE REMOTE"},
		"no writing":     {vm.Rights{Denied: vm.PermitFilesWrite}, vm.Rights{}, "/data:ro /etc:ro", "/data:ro /there:ro", "MODE", "MODE REMOTE"},
		"denied":         {vm.Rights{Denied: vm.PermitFiles | vm.PermitEnvironment}, vm.Rights{}, "", "", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			onBothNodes(t, vm.Options{
				Loader: &loader{}, Rights: vm.Rights{Reach: reach}, RemoteRights: vm.Rights{Reach: there},
			}, func(t *testing.T, _ *network, one, two *vm.System) {
				var info vm.Info
				newActor(t, one, vm.SpawnOptions{Rights: c.parent}).do(func(p *vm.Process) {
					pid, err := p.SpawnFunction(p.Context(), two.Node(), vm.SpawnRequest{Function: function("f"), Rights: c.child})
					if err != nil {
						t.Fatal(err)
					}
					info, _ = two.Info(pid)
				})
				folders, environment := c.here, c.environmentHere
				if one != two {
					folders, environment = c.there, c.environmentThere
				}
				if got := strings.Join(info.Rights.FolderNames(), " "); got != folders {
					t.Errorf("folders %s, want %s", got, folders)
				}
				if got := strings.Join(info.Rights.EnvironmentNames(), " "); got != environment {
					t.Errorf("environment %s, want %s", got, environment)
				}
			})
		})
	}
}

// What Go code gives to a process it has beside what its parent has, and only on this node.
func TestReachIsGiven(t *testing.T) {
	mine, given := openFolder(t, "/data", true), openFolder(t, "/data", false)
	more := &vm.Reach{Folders: []*vm.Folder{given, openFolder(t, "/more", true)}, Environment: map[string]string{"B": "new", "C": "3"}}
	onBothNodes(t, vm.Options{
		Loader: &loader{},
		Rights: vm.Rights{Reach: &vm.Reach{Folders: []*vm.Folder{mine}, Environment: map[string]string{"A": "1", "B": "old"}}},
	}, func(t *testing.T, _ *network, one, two *vm.System) {
		newActor(t, one, vm.SpawnOptions{}).do(func(p *vm.Process) {
			req := vm.SpawnRequest{Function: function("f"), Rights: vm.Rights{Reach: more}}
			pid, err := p.SpawnFunction(p.Context(), two.Node(), req)
			if one != two {
				if !errors.Is(err, abi.ErrBadArgument) {
					t.Errorf("another node's process: %v", err)
				}
				return
			}
			info, _ := two.Info(pid)
			if got := info.Rights.FolderNames(); err != nil || !slices.Equal(got, []string{"/data:ro", "/more"}) {
				t.Errorf("folders %v, %v", got, err)
			}
			if got, want := info.Rights.Environment(), map[string]string{"A": "1", "B": "new", "C": "3"}; !maps.Equal(got, want) {
				t.Errorf("environment %v", got)
			}
		})
	})
}

func TestBadReach(t *testing.T) {
	long := map[string]string{"A": strings.Repeat("x", 2<<20)}
	folder := openFolder(t, "/a", true)
	for name, rights := range map[string]vm.Rights{
		"no name":            {Reach: &vm.Reach{Environment: map[string]string{"": "x"}}},
		"name with =":        {Reach: &vm.Reach{Environment: map[string]string{"a=b": "x"}}},
		"value with NUL":     {Reach: &vm.Reach{Environment: map[string]string{"a": "x\x00"}}},
		"large":              {Reach: &vm.Reach{Environment: long}},
		"same path":          {Reach: &vm.Reach{Folders: []*vm.Folder{folder, folder}}},
		"relative choice":    {Folders: vm.FolderChoice{"data": true}},
		"choice above":       {Folders: vm.FolderChoice{"/a/../..": true}},
		"unclean choice":     {Folders: vm.FolderChoice{"/a/": true}},
		"negative files":     {Limits: vm.Limits{Files: -1}},
		"unknown permission": {Denied: vm.AllPermissions + 1},
	} {
		if err := rights.Validate(); !errors.Is(err, abi.ErrBadArgument) {
			t.Errorf("%s: %v", name, err)
		}
	}
	many := vm.FolderChoice{}
	for i := range 1000 {
		many["/"+strings.Repeat("x", i+1)] = true
	}
	if err := many.Validate(); !errors.Is(err, abi.ErrBadArgument) {
		t.Errorf("many: %v", err)
	}
}

func TestOpenFolder(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, guest := range []string{"", "data", "../data", "/a:b", "/a\x00", "/\xff", "/" + strings.Repeat("x", 2000)} {
		if f, err := vm.OpenFolder(dir, guest, true); !errors.Is(err, abi.ErrBadArgument) {
			t.Errorf("%q: %v, %v", guest, f, err)
		}
	}
	for host, want := range map[string]string{
		file:                     "folder " + file + ": not a directory",
		filepath.Join(dir, "no"): "folder " + filepath.Join(dir, "no") + ": no such file or directory",
	} {
		if _, err := vm.OpenFolder(host, "/data", true); err == nil || err.Error() != want {
			t.Errorf("%s: %v", host, err)
		}
	}
}

// However often it is asked, a choice of a choice has no more than either.
func TestFolderChoicesOnlyShrink(t *testing.T) {
	reach := &vm.Reach{Folders: []*vm.Folder{openFolder(t, "/a", true), openFolder(t, "/b", true), openFolder(t, "/c", false)}}
	rapid.Check(t, func(t *rapid.T) {
		draw := func() vm.Rights {
			var c vm.FolderChoice
			if rapid.Bool().Draw(t, "choose") {
				c = rapid.MapOf(rapid.SampledFrom([]string{"/a", "/b", "/c", "/d"}), rapid.Bool()).Draw(t, "choice")
			}
			return vm.Rights{Folders: c, Denied: rapid.SampledFrom([]vm.Permissions{0, 0, vm.PermitFilesWrite, vm.PermitFiles}).Draw(t, "denied")}
		}
		parent := draw().Within(vm.Rights{Reach: reach})
		child := draw().Within(parent)
		for _, access := range child.Accesses() {
			if !slices.ContainsFunc(parent.Accesses(), func(p vm.Access) bool {
				return p.Guest == access.Guest && p.Root == access.Root && (p.Writable || !access.Writable)
			}) {
				t.Fatalf("parent %v, child %v", parent.FolderNames(), child.FolderNames())
			}
		}
	})
}
