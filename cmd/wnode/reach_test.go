package main

import (
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/wnode/wnode"
)

// hostFolder makes a folder for policies and application files: "data" beside them, and a file.
func hostFolder(t *testing.T) (base string) {
	t.Helper()
	base = t.TempDir()
	if err := os.Mkdir(filepath.Join(base, "data"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(base, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	return base
}

func TestReadReach(t *testing.T) {
	base := hostFolder(t)
	data := filepath.Join(base, "data")
	t.Setenv("WNODE_TEST_VARIABLE", "set")
	for text, want := range map[string]string{
		"data":                                   "/data",
		"data:ro":                                "/data:ro",
		"data/../data":                           "/data",
		"data:/":                                 "/",
		"data:/in/side:ro":                       "/in/side:ro",
		"../" + filepath.Base(base) + "/data:/x": "/x",
		data:                                     data,
		data + ":/x/":                            "/x",
	} {
		reach, err := reachTexts{
			folders: []string{text}, environment: []string{"WNODE_TEST_VARIABLE", "A=b=c", "B="},
		}.open(base)
		rights := wnode.Rights{Reach: reach}
		if got := rights.FolderNames(); err != nil || !slices.Equal(got, []string{want}) {
			t.Errorf("%s: %v, %v", text, got, err)
		}
		if got := rights.Environment(); !maps.Equal(got, map[string]string{"WNODE_TEST_VARIABLE": "set", "A": "b=c", "B": ""}) {
			t.Errorf("environment %v", got)
		}
		closeReach(reach)
	}
}

func TestBadReach(t *testing.T) {
	base := hostFolder(t)
	for text, want := range map[string]string{
		"":                `folder "": give HOST, HOST:GUEST or HOST:GUEST:ro, as in /srv/data:/data:ro`,
		":/data":          `folder "": give HOST`,
		"data:data":       `folder data:data: "data" is neither ro nor an absolute path for the guest, as in data:/data:ro`,
		"data:rw":         `"rw" is neither ro nor an absolute path`,
		"data:/x:rw":      `"rw" is neither ro nor an absolute path for the guest, as in data:/data:ro`,
		"../data":         "folder ../data: say under which path the guest sees it, as in ../data:/data",
		"file":            "folder " + filepath.Join(base, "file") + ": not a directory",
		"none:/data":      "folder " + filepath.Join(base, "none") + ": no such file or directory",
		"/nowhere/at/all": "folder /nowhere/at/all: no such file or directory",
	} {
		reach, err := reachTexts{folders: []string{"data:/ok", text}}.open(base)
		closeReach(reach)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	for text, want := range map[string]string{
		"=x":           `environment variable "=x": give NAME=VALUE, or NAME for the value that it has here`,
		"":             `environment variable "": give NAME=VALUE`,
		"WNODE_IS_NOT": "environment variable WNODE_IS_NOT is not set here: give it a value, as in WNODE_IS_NOT=value",
	} {
		if _, err := (reachTexts{environment: []string{text}}).open(base); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	reach, err := reachTexts{folders: []string{"data", "data:ro"}}.open(base)
	closeReach(reach)
	if err == nil || !strings.HasPrefix(err.Error(), "two folders at /data") {
		t.Error(err)
	}
}

// A listener is open from the start on, and one that cannot be says why.
func TestListeners(t *testing.T) {
	reach, err := reachTexts{listen: []string{"127.0.0.1:0"}}.open(".")
	defer closeReach(reach)
	if err != nil {
		t.Fatal(err)
	}
	address := wnode.Rights{Reach: reach}.ListenerNames()[0]
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
	for text, want := range map[string]string{
		address:         "listen at " + address + ": bind: ",
		"nowhere":       "listen at nowhere: missing port in address: give HOST:PORT",
		"127.0.0.1:web": "listen at 127.0.0.1:web: ",
	} {
		reach, err := reachTexts{listen: []string{text}}.open(".")
		closeReach(reach)
		if err == nil || !strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", text, err)
		}
	}
	_, _, err = readPolicy(writePolicy(t, "[processes]\nlisten_tcp = [\"127.0.0.1:0\"]"))
	if err == nil || !strings.HasSuffix(err.Error(), "[processes]: listen_tcp: one process has a listener: give it to an application, or to wnode run") {
		t.Error(err)
	}
}

// What a policy and an application file give: folders beside them, and the environment.
func TestReachOfFiles(t *testing.T) {
	base := hostFolder(t)
	policy, app := filepath.Join(base, "policy.toml"), filepath.Join(base, "wnode.toml")
	for path, text := range map[string]string{
		policy: "[processes]\nfolders = [\"data:ro\"]\nfiles = 7\n[remote]\nenvironment = [\"MODE=far\"]\ndeny = [\"files_write\"]",
		app:    "[[application]]\nmodule = \"a.wasm\"\nrights = { folders = [\"data:/d\"], environment = [\"A=1\"] }",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	processes, remote, err := readPolicy(policy)
	defer closeReach(processes.Reach, remote.Reach)
	if err != nil || !slices.Equal(processes.FolderNames(), []string{"/data:ro"}) || processes.Limits.Files != 7 ||
		len(remote.FolderNames()) != 0 || remote.Environment()["MODE"] != "far" {
		t.Errorf("%+v, %+v, %v", processes, remote, err)
	}
	file, err := readApplications(app)
	list := file.Application
	defer closeApplications(list)
	if err != nil || !slices.Equal(list[0].rights.FolderNames(), []string{"/d"}) || list[0].rights.Environment()["A"] != "1" {
		t.Errorf("%+v, %v", list, err)
	}
	for text, want := range map[string]string{
		`folders = "data"`:           `[processes]: give a list of texts, as in folders = ["/srv/data:/data:ro"]`,
		`folders = [1]`:              `[processes]: give a list of texts, as in folders = `,
		`environment = {A = 1}`:      `[processes]: give a list of texts, as in environment = ["LANG", "MODE=fast"]`,
		`folders = ["data", "none"]`: `[processes]: folder ` + filepath.Join(base, "none") + `: no such file or directory`,
	} {
		if err := os.WriteFile(policy, []byte("[processes]\n"+text), 0o600); err != nil {
			t.Fatal(err)
		}
		processes, _, err := readPolicy(policy)
		closeReach(processes.Reach)
		if err == nil || err.Error() != "policy file "+policy+": "+want && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}
