package main

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/wnode/wnode"
)

func writePolicy(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "policy.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestReadPolicy(t *testing.T) {
	processes, remote, err := readPolicy(writePolicy(t, `
[processes]
memory = "64MiB"
wall_time = "1h30m"
reductions = 1000
mailbox_bytes = 4096
[remote]
children = 100
timers = 5
mailbox_messages = 7
tables = 500
stack = "256KiB"
priority = "low"
deny = ["connect", "spawn_remote"]
`))
	if err != nil {
		t.Fatal(err)
	}
	connect, _ := wnode.ParsePermission("connect")
	spawnRemote, _ := wnode.ParsePermission("spawn_remote")
	if want := (wnode.Rights{Limits: wnode.Limits{
		Memory: 64 << 20, WallTime: 90 * time.Minute, Reductions: 1000, MailboxBytes: 4096,
	}}); !reflect.DeepEqual(processes, want) {
		t.Errorf("processes %+v", processes)
	}
	if want := (wnode.Rights{
		Limits: wnode.Limits{Children: 100, Timers: 5, MailboxMessages: 7, Tables: 500, Stack: 256 << 10, Priority: wnode.PriorityLow}, Denied: connect | spawnRemote,
	}); !reflect.DeepEqual(remote, want) {
		t.Errorf("remote %+v", remote)
	}
	if processes, remote, err := readPolicy(writePolicy(t, "")); err != nil || !reflect.DeepEqual([]wnode.Rights{processes, remote}, make([]wnode.Rights, 2)) {
		t.Errorf("an empty file: %+v, %+v, %v", processes, remote, err)
	}
}

func TestBadPolicy(t *testing.T) {
	for text, want := range map[string]string{
		"[processes\n":                       "line 2: ",
		"[other]\nx = 1":                     "other: there are only the tables [processes] and [remote]",
		"[remote]\nfly = 1":                  `[remote]: there is no limit "fly"; there are memory, `,
		"[processes]\nmemory = \"much\"":     "[processes]: memory = much: give a number of bytes above 0",
		"[processes]\nmemory = 0":            "[processes]: memory = 0: give a number above 0",
		"[processes]\ntimers = -1":           "timers = -1: give a number above 0",
		"[processes]\ntimers = \"5\"":        "timers = 5: give a number above 0",
		"[processes]\nwall_time = 5":         `wall_time = 5: give a time, as in "90s"`,
		"[processes]\nwall_time = \"-5s\"":   `wall_time = -5s: give a time`,
		"[processes]\npriority = 3":          `priority = 3: give "low", "normal", "high" or "max"`,
		"[processes]\npriority = \"top\"":    `priority = top: give "low", `,
		"[remote]\ndeny = \"all\"":           `[remote]: deny: give a list`,
		"[remote]\ndeny = [\"fly\"]":         `there is no permission "fly"; there are spawn, `,
		"processes = 5":                      "processes: there are only the tables",
		"[processes]\nmemory = \"64MiB":      "line 2: ",
		"[processes]\nmemory = \"99999EiB\"": "memory = 99999EiB: give a number of bytes above 0",
	} {
		path := writePolicy(t, text)
		_, _, err := readPolicy(path)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") ||
			!strings.HasPrefix(err.Error(), "policy file "+path+": ") {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	if _, _, err := readPolicy("/nowhere.toml"); err == nil || err.Error() != "policy file /nowhere.toml: no such file or directory" {
		t.Error(err)
	}
}
