//go:build linux

package e2e

import (
	"context"
	"crypto/tls"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"testing"

	"github.com/quic-go/quic-go"
)

// stranger is the address that strangers call from. It is not the one of the node's friends, who
// must not suffer when a node makes an address wait.
const stranger = "127.0.0.9:0"

// A node that strangers talk to goes on working for its friends, and says nothing to the strangers.
func TestStrangers(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	one := h.headless(nodeOne)
	lookups := fmt.Sprintf("127.0.0.1:%d", h.port)
	token := strings.Repeat("A", 64) // of a session and a share, which is no point of the group
	for name, attack := range map[string]func(t *testing.T){
		"noise":              func(t *testing.T) { noise(t, one.addr, "") },
		"almost QUIC":        func(t *testing.T) { noise(t, one.addr, "\xc3\x00\x00\x00\x01\x08") },
		"almost a lookup":    func(t *testing.T) { noise(t, one.addr, "!wn\x01\x01") },
		"noise for lookups":  func(t *testing.T) { noise(t, lookups, "") },
		"almost lookups":     func(t *testing.T) { noise(t, lookups, "!wn\x01\x01") },
		"almost lists":       func(t *testing.T) { noise(t, lookups, "!wn\x01\x04") },
		"other protocol":     func(t *testing.T) { call(t, one.addr, "h3") },
		"version, no token":  func(t *testing.T) { call(t, one.addr, "wnode/1") },
		"token, no name":     func(t *testing.T) { call(t, one.addr, "wnode/1"+token) },
		"no point":           func(t *testing.T) { call(t, one.addr, "wnode/1"+token+"eve@127.0.0.1") },
		"letters in name":    func(t *testing.T) { call(t, one.addr, "wnode/1"+token+"\x1b[2J@127.0.0.1") },
		"long name":          func(t *testing.T) { call(t, one.addr, "wnode/1"+token+strings.Repeat("e", 160)+"@127.0.0.1") },
		"two protocols":      func(t *testing.T) { call(t, one.addr, "wnode/1"+token+"eve@127.0.0.1", "h3") },
		"no protocol at all": func(t *testing.T) { call(t, one.addr) },
	} {
		t.Run(name, attack)
	}
	if got := h.eval(`[Node.ping("node_one@127.0.0.1"), Node.list()]`); got != `["pong", ["node_one@127.0.0.1"]]` {
		t.Errorf("afterwards: %s", got)
	}
	h.run("names").want(t, 0, "node_one  port "+one.addr[strings.LastIndex(one.addr, ":")+1:]+"\n", "")
	if log := one.Log.String(); strings.Contains(log, "\x1b") {
		t.Errorf("a stranger has written to the terminal: %q", log)
	}
}

// noise sends packets of all sizes that begin as given.
func noise(t *testing.T, addr, start string) {
	t.Helper()
	conn := socket(t)
	to, err := net.ResolveUDPAddr("udp", addr)
	if err != nil {
		t.Fatal(err)
	}
	random := rand.NewChaCha8([32]byte{1})
	packet := make([]byte, 1452)
	for size := 1; size <= len(packet); size += 29 {
		_, _ = random.Read(packet) // never fails
		copy(packet, start)
		if _, err := conn.WriteTo(packet[:size], to); err != nil {
			t.Fatal(err)
		}
	}
}

func socket(t *testing.T) net.PacketConn {
	t.Helper()
	conn, err := net.ListenPacket("udp", stranger)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// call calls a node with QUIC and offers protocols. It must not get through.
func call(t *testing.T, addr string, protocols ...string) {
	t.Helper()
	to, err := net.ResolveUDPAddr("udp", addr)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	conn, err := quic.Dial(ctx, socket(t), to, &tls.Config{InsecureSkipVerify: true, NextProtos: protocols}, nil)
	if err == nil {
		// The node closes what it does not want at the end of the handshake.
		_, err = conn.AcceptUniStream(ctx)
	}
	if err == nil || ctx.Err() != nil {
		t.Errorf("the node talks to a stranger: %v", err)
	}
}
