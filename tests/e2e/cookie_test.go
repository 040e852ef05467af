//go:build linux

package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func TestCookieCommands(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	path := filepath.Join(h.home, ".wnode.cookie")
	h.run("cookie", "path").want(t, 0, path+"\n", "")
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("showing the path makes the file: %v", err)
	}
	h.run("cookie", "new").want(t, 0, path+"\n", "")
	first := readCookie(t, path)
	h.run("cookie", "new").wantError(t, 1, `cookie file `+regexp.QuoteMeta(path)+`.*exists.*--force.*`)
	if readCookie(t, path) != first {
		t.Error("a cookie that was there is lost")
	}
	h.run("cookie", "new", "--force").want(t, 0, path+"\n", "")
	if readCookie(t, path) == first {
		t.Error("the cookie is the same")
	}
	other := filepath.Join(h.home, "other")
	h.run("cookie", "new", "--file", other).want(t, 0, other+"\n", "")
	readCookie(t, other)
}

func readCookie(t *testing.T, path string) string {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode() != 0o400 {
		t.Errorf("%s has mode %v", path, info.Mode())
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(text) < 43 { // 256 bits as base64
		t.Errorf("a cookie of %d characters", len(text))
	}
	return string(text)
}

// A cookie reaches a node by a flag, a file or the environment, and it is not shown by mistake.
func TestCookieSources(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	const secret = "a-cookie-that-nobody-else-has"
	path := filepath.Join(h.home, "my cookie")
	write(t, path, []byte(secret+"\n"), 0o400)
	one := h.headless(nodeOne, "--cookie", secret, "--log-level", "DEBUG")
	connect := nodeArgs("eval", []string{`Node.connect("node_one@127.0.0.1")`})
	h.run(connect...).want(t, 0, "false\n", "")
	h.run(append(connect, "--cookie-file", path)...).want(t, 0, "true\n", "")
	withCookie := *h
	withCookie.extra = []string{"WNODE_COOKIE=" + secret}
	withCookie.run(connect...).want(t, 0, "true\n", "")
	one.Log.AwaitLine(t, "disallowed node")
	if log := one.Log.String(); strings.Contains(log, secret) {
		t.Errorf("the log shows the cookie:\n%s", log)
	}
}

// A cookie that is no good is told in one line, with what to do about it, and never used.
func TestBadCookie(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	const secret = "a-cookie-that-must-not-be-shown"
	file := func(name, content string, mode os.FileMode) []string {
		path := filepath.Join(h.home, name)
		write(t, path, []byte(content), mode)
		return []string{"--cookie-file", path}
	}
	for name, c := range map[string]struct {
		flags []string
		want  string
	}{
		"for the world": {file("world", secret, 0o644), `cookie file .*world must be accessible by owner only; run: chmod 400 .*world`},
		"for the group": {file("group", secret, 0o440), `cookie file .*group must be accessible by owner only; run: chmod 400 .*group`},
		"empty file":    {file("empty", "", 0o400), `cookie file .*empty: too short cookie string; run: wnode cookie new --force --file .*empty`},
		"bad letters":   {file("bad", secret+"\x00", 0o400), `cookie file .*bad.*bad characters.*`},
		"missing file":  {[]string{"--cookie-file", filepath.Join(h.home, "none")}, `cookie file .*none: no such file or directory; run: wnode cookie new --file .*none`},
		"folder":        {[]string{"--cookie-file", h.home}, `cookie file .* is not a regular file.*`},
		"empty":         {[]string{"--cookie", ""}, `.*cookie.*too short.*wnode cookie new`},
		"two lines":     {[]string{"--cookie", secret + "\n" + secret}, `.*cookie.*bad characters.*`},
		"very long":     {[]string{"--cookie", strings.Repeat(secret, 100)}, `.*cookie.*too long.*`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := h.in(t).run(nodeArgs("eval", append(c.flags, "1"))...)
			r.wantError(t, 1, c.want)
			if strings.Contains(r.stderr, secret) {
				t.Errorf("the cookie is shown: %s", r.stderr)
			}
		})
	}
	t.Run("unreadable", func(t *testing.T) {
		flags := file("locked", secret, 0)
		other := h.in(t)
		other.nobody = os.Geteuid() == 0 // nothing is unreadable to root
		other.run(nodeArgs("eval", append(flags, "1"))...).wantError(t, 1, `cookie file .*locked: permission denied.*`)
	})
	t.Run("default file", func(t *testing.T) {
		h := newHost(t)
		write(t, filepath.Join(h.home, ".wnode.cookie"), []byte(secret), 0o604)
		h.run(nodeArgs("eval", []string{"1"})...).wantError(t, 1, `cookie file .*\.wnode\.cookie must be accessible by owner only; run: chmod 400 .*\.wnode\.cookie`)
	})
}
