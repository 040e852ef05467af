//go:build linux

package e2e

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// host is a user on a machine, as far as wnode knows: a home directory, a cache and a well-known port.
type host struct {
	t      *testing.T
	home   string
	port   int
	extra  []string // of the environment
	nobody bool     // commands run as a user without rights; only root can have that
}

func newHost(t *testing.T) *host {
	t.Helper()
	return &host{t: t, home: t.TempDir(), port: wellKnownPort(t)}
}

// environ is the environment of the programs that run on the host.
func (h *host) environ() []string {
	env := []string{
		"HOME=" + h.home, "XDG_CACHE_HOME=" + filepath.Join(h.home, "cache"), fmt.Sprintf("WNODE_PORT=%d", h.port),
		"TERM=xterm-256color", "LANG=C.UTF-8",
		"GORACE=atexit_sleep_ms=0", // the race detector would have each program wait for a second at its end
	}
	for _, name := range []string{"PATH", "GOCOVERDIR", "TMPDIR"} {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return append(env, h.extra...)
}

// in gives the host for a subtest.
func (h *host) in(t *testing.T) *host {
	sub := *h
	sub.t = t
	return &sub
}

// The well-known ports of the hosts. They are below those that systems hand out by themselves, so
// that no node that asks for a free port gets one.
var ports struct {
	sync.Mutex
	next int
}

const firstPort, lastPort = 10000, 30000

func wellKnownPort(t *testing.T) int {
	t.Helper()
	ports.Lock()
	defer ports.Unlock()
	if ports.next == 0 {
		ports.next = firstPort + rand.IntN(lastPort-firstPort)
	}
	for {
		ports.next++
		if ports.next > lastPort {
			ports.next = firstPort
		}
		if isFree(ports.next) {
			return ports.next
		}
	}
}

func isFree(port int) bool {
	conn, err := net.ListenPacket("udp", fmt.Sprintf(":%d", port))
	if err != nil {
		return false
	}
	_ = conn.Close()
	return true
}

// Where the nodes of these tests listen, unless a test says otherwise: --listen is put in front of
// the other flags, so that a later one counts.
const listenFlag, loopback = "--listen", "127.0.0.1:0"

// nodeArgs puts the address to listen on behind a command that starts a node.
func nodeArgs(command string, args []string) []string {
	return append([]string{command, listenFlag, loopback}, args...)
}
