//go:build linux

package e2e

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// copierHost is a host with the guest copier, and files for it to copy from in, beside an empty out.
func copierHost(t *testing.T) (h *host, copier, in, out string) {
	t.Helper()
	h = newHost(t)
	h.goModule(h.home, "copier", "./tests/guests/copier", "none")
	in, out = filepath.Join(h.home, "in"), filepath.Join(h.home, "out")
	for _, dir := range []string{in, out} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(in, "one"), []byte("1\n"), 0o644)
	write(t, filepath.Join(in, "two"), []byte(strings.Repeat("two", 1<<20)), 0o644)
	return h, filepath.Join(h.home, "copier.wasm"), in, out
}

// wantCopies checks what the copier has made.
func wantCopies(t *testing.T, in, out string) {
	t.Helper()
	for name, want := range map[string]string{"one": "1\n", "log": "one 2\ntwo 3145728\n"} {
		if got, err := os.ReadFile(filepath.Join(out, name)); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v, want %q", name, got, err, want)
		}
	}
	copied, err := os.ReadFile(filepath.Join(out, "two"))
	original, _ := os.ReadFile(filepath.Join(in, "two"))
	if err != nil || len(copied) == 0 || string(copied) != string(original) {
		t.Errorf("two: %d bytes, %v", len(copied), err)
	}
}

// An ordinary program reads and writes the folders that it is given, and knows its environment; without
// them it has neither.
func TestRunWithFolders(t *testing.T) {
	t.Parallel()
	h, copier, in, out := copierHost(t)
	run := func(args ...string) result { return h.run(nodeArgs("run", args)...) }

	run("--dir", in+":/in:ro", "--dir", out+":/out", "--env", "GREETING=hello", copier, "in", "/out").
		want(t, 0, "hello, 2 copied\n", "")
	wantCopies(t, in, out)

	run("--dir", in+":/in", "--dir", out+":/out:ro", copier, "/in", "/out").
		want(t, 1, "", "open /out/log: Read-only file system\n")
	run(copier, "/in", "/out").want(t, 1, "", "open /in: Bad file number\n")
	run("--dir", in+":/in", copier, "/in/../../out", "/in").want(t, 1, "", "open /in/../../out: Bad file number\n")

	if err := os.Symlink(out, filepath.Join(in, "link")); err != nil {
		t.Fatal(err)
	}
	run("--dir", in+":/in", copier, "/in/link", "/in").want(t, 1, "", "open /in/link: Operation not permitted\n")
	run("--dir", in+"/none", copier).wantError(t, 1, "folder .*/in/none: no such file or directory")
	run("--dir", in, "--on", "two", copier).wantError(t, 2, "--dir, --env and --listen-tcp give what is here, .* \\(see wnode run --help\\)")
}

// On another node a program has what that node's policy gives to those of others, and nothing when it
// gives nothing.
func TestRunWithFoldersElsewhere(t *testing.T) {
	t.Parallel()
	h, copier, in, out := copierHost(t)
	policy := filepath.Join(h.home, "policy.toml")
	write(t, policy, fmt.Appendf(nil, "[remote]\nfolders = [\"in:/in:ro\", %q]\nenvironment = [\"GREETING=there\"]\n", out+":/out"), 0o644)
	h.headless(nodeTwo, "--policy", policy)
	const three = "three@127.0.0.1"
	h.headless(three)
	run := func(on string) result { return h.run(nodeArgs("run", []string{"--on", on, copier, "/in", "/out"})...) }
	run(nodeTwo).want(t, 0, "there, 2 copied\n", "")
	wantCopies(t, in, out)
	run(three).want(t, 1, "", "open /in: Bad file number\n")
	if got := h.eval(`Process.info(self()).folders`); got != "[]" {
		t.Errorf("folders of the shell: %s", got)
	}
}

// A server that knows nothing of nodes serves several clients at a time, at the address that its
// application has; it is stopped while it waits for more.
func TestApplicationListens(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	h.goModule(h.home, "greeter", "./tests/guests/greeter", "none")
	app := filepath.Join(h.home, "wnode.toml")
	write(t, app, []byte("[[application]]\nmodule = \"greeter.wasm\"\nrights = { listen_tcp = [\"127.0.0.1:0\"] }\n"), 0o644)
	s := h.headless("web@127.0.0.1", "--app", app, "--eval",
		`IO.puts("serves at " + Process.list().map(p => Process.info(p)).filter(i => i).map(i => i.listeners).flat()[0] + "\n")`)
	address := s.Out.AwaitLine(t, `^serves at (127\.0\.0\.1:\d+)$`)[1]
	var clients []net.Conn
	for range 3 {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		clients = append(clients, conn)
	}
	for i := len(clients) - 1; i >= 0; i-- { // the first waits until the others have been served
		name := fmt.Sprint("client ", i)
		if _, err := fmt.Fprintln(clients[i], name); err != nil {
			t.Fatal(err)
		}
		if got, err := bufio.NewReader(clients[i]).ReadString('\n'); err != nil || got != "hello "+name+"\n" {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	if code := s.Stop(syscall.SIGTERM); code != 0 {
		t.Errorf("stopped with exit code %d", code)
	}
}
