// Package goguest builds guests in Go for tests. Such a guest has some megabytes of code, which takes
// seconds to compile on a node, and most of a minute on one with the race detector: so a node without
// it compiles the guest first, into a cache that the nodes under test share.
package goguest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
)

// Builder builds guests into a folder.
type Builder struct {
	root, dir string
}

// User is what a node is part of that is to find the compiled code. The runtime keeps that of each of
// its versions apart, and a test does not know which it has: to it the version is dev.
type User string

// The users of compiled code.
const (
	Programs User = "-s -w"
	Tests    User = "-s -w -X github.com/tetratelabs/wazero/internal/version.version=dev"
)

// New makes a builder for guests of the repository with the given root. It leaves all that it makes
// in dir.
func New(ctx context.Context, root, dir string, user User) (*Builder, error) {
	b := &Builder{root, dir}
	return b, b.build(ctx, b.Program(), "./cmd/wnode", string(user))
}

// Program is the path of a wnode without the race detector.
func (b *Builder) Program() string { return filepath.Join(b.dir, "compiler") }

// CacheHome is what XDG_CACHE_HOME has to be for a node that is to find the compiled code.
func (b *Builder) CacheHome() string { return filepath.Join(b.dir, "cache") }

// CacheDir is the cache folder of such a node.
func (b *Builder) CacheDir() string { return filepath.Join(b.CacheHome(), "wnode") }

// Build builds the guest in a folder of the repository, and compiles it. The guest has to end by
// itself when it is run with argument and without input.
func (b *Builder) Build(ctx context.Context, folder, argument string) ([]byte, error) {
	path := filepath.Join(b.dir, filepath.Base(folder)+".wasm")
	if err := b.build(ctx, path, folder, string(Programs), "GOOS=wasip1", "GOARCH=wasm"); err != nil {
		return nil, err
	}
	if err := b.compile(ctx, path, argument); err != nil {
		return nil, fmt.Errorf("compile %s: %w", folder, err)
	}
	return os.ReadFile(path)
}

func (b *Builder) build(ctx context.Context, path, folder, flags string, env ...string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-ldflags", flags, "-o", path, folder)
	cmd.Dir, cmd.Env = b.root, append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w\n%s", folder, err, out)
	}
	return nil
}

// compile runs the guest once on a node of its own. How that ends says nothing; the cache does.
func (b *Builder) compile(ctx context.Context, path, argument string) error {
	port, err := FreePort()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, b.Program(), "run", "--listen", "127.0.0.1:0", "--cookie", "compiles guests", path, argument)
	cmd.Env = append(os.Environ(), "XDG_CACHE_HOME="+b.CacheHome(), fmt.Sprintf("WNODE_PORT=%d", port))
	out, err := cmd.CombinedOutput()
	if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
		return err
	}
	if !b.compiled() {
		return fmt.Errorf("no code has come to %s\n%s", b.CacheDir(), out)
	}
	return nil
}

// compiled reports whether there is anything in the cache.
func (b *Builder) compiled() (found bool) {
	_ = filepath.WalkDir(b.CacheDir(), func(_ string, entry fs.DirEntry, err error) error { // there may be no folder
		found = found || err == nil && entry.Type().IsRegular()
		return nil
	})
	return found
}

// FreePort gives a UDP port for the name service of a node that needs none.
func FreePort() (int, error) {
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	return conn.LocalAddr().(*net.UDPAddr).Port, nil
}
