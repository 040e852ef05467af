// Package nodetest has what tests of whole nodes share.
package nodetest

import (
	"net"
	"testing"
	"time"
)

// patience is how long a test waits for what must come about.
const patience = 60 * time.Second

// FreePort gives a UDP port of the loopback interface that nobody has, for the name service of one test's
// nodes.
func FreePort(t testing.TB) uint16 {
	t.Helper()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	return conn.LocalAddr().(*net.UDPAddr).AddrPort().Port()
}

// Eventually waits for a state that comes about on another goroutine and that no message tells of.
func Eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	if !Within(patience, ok) {
		t.Fatalf("%s: does not come about", what)
	}
}

// Within waits for such a state for a time at most, and reports whether it has come about.
func Within(most time.Duration, ok func() bool) bool {
	deadline := time.After(most)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			return false
		}
	}
	return true
}
