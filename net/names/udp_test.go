package names

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
	"testing"
	"time"
)

// The tests of this file run on real sockets: they show that the operating system does what the tests
// in memory assume of it.

// freePort gives a well-known port of the test's own.
func freePort(t *testing.T) netip.AddrPort {
	t.Helper()
	c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return addrPort(c.LocalAddr())
}

// bootUDP starts a node; kill takes its socket away, as the end of its process does.
func bootUDP(t *testing.T, well netip.AddrPort, name string, port uint16) (s *Service, kill func()) {
	t.Helper()
	opts := Options{Node: NodeName{Name: name, Host: "localhost"}, Port: port, WellKnown: well}
	sock, err := udpNetwork{}.bind(well)
	if err == nil {
		opts.Shared, opts.Port = sock, well.Port()
		t.Cleanup(func() { _ = sock.Close() })
	}
	s, err = Start(t.Context(), opts)
	if err != nil {
		t.Fatalf("start %s: %v", name, err)
	}
	t.Cleanup(s.Close)
	return s, func() { _ = sock.Close() }
}

func wantUDP(t *testing.T, well netip.AddrPort, name string, port uint16) {
	t.Helper()
	got, err := Lookup(t.Context(), name, well)
	if err != nil || got != netip.AddrPortFrom(well.Addr(), port) {
		t.Errorf("lookup %s: %v, %v; want port %d", name, got, err, port)
	}
}

func TestThreeNodes_realtime(t *testing.T) {
	well := freePort(t)
	one, kill := bootUDP(t, well, "one", 1)
	two, _ := bootUDP(t, well, "two", 1002)
	three, _ := bootUDP(t, well, "three", 1003)
	wantUDP(t, well, "one", well.Port())
	wantUDP(t, well, "two", 1002)
	wantUDP(t, well, "three", 1003)

	_, err := Start(t.Context(), Options{Node: NodeName{Name: "two", Host: "vm"}, Port: 1004, WellKnown: well})
	if !errors.Is(err, ErrNameInUse) {
		t.Errorf("second node called two: %v", err)
	}

	kill()
	wantUDP(t, well, "two", 1002)
	wantUDP(t, well, "three", 1003)
	if two.Holding() == three.Holding() {
		t.Errorf("holding: two %v, three %v", two.Holding(), three.Holding())
	}
	got, err := List(t.Context(), well)
	if err != nil || len(got) != 2 {
		t.Errorf("list after the takeover: %v, %v", got, err)
	}
	one.Close()
	three.Close()
	two.Close()
	if _, err := Lookup(t.Context(), "two", well); !errors.Is(err, ErrNoAnswer) {
		t.Errorf("after the last node: %v", err)
	}
}

func TestHolderOnAllAddresses_realtime(t *testing.T) {
	well := netip.AddrPortFrom(netip.IPv4Unspecified(), freePort(t).Port())
	bootUDP(t, well, "one", 1)
	bootUDP(t, well, "two", 1002)
	// Debian calls the own host 127.0.1.1; the holder's answer comes from 127.0.0.1.
	for _, host := range []string{"127.0.0.1", "127.0.1.1"} {
		at := netip.AddrPortFrom(netip.MustParseAddr(host), well.Port())
		wantUDP(t, at, "two", 1002)
	}
	for _, host := range []string{"localhost", "127.0.0.1", ShortHostname()} {
		got, err := Resolve(t.Context(), NodeName{Name: "two", Host: host}, well.Port())
		if err != nil || len(got) == 0 || got[0].Port() != 1002 {
			t.Errorf("resolve two@%s: %v, %v", host, got, err)
		}
	}
	got, err := List(t.Context(), well)
	if err != nil || len(got) != 2 {
		t.Errorf("list: %v, %v", got, err)
	}
}

func TestResolveWithoutLookup_realtime(t *testing.T) {
	for text, want := range map[string]string{
		"foo@127.0.0.1:9":        "127.0.0.1:9",
		"foo@[::1]:9":            "[::1]:9",
		"foo@[::ffff:1.2.3.4]:9": "1.2.3.4:9",
		"foo@localhost:9":        "127.0.0.1:9",
	} {
		node, err := ParseNodeName(text)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Resolve(t.Context(), node, 0)
		if err != nil || got[0].String() != want {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got, err := Resolve(ctx, NodeName{Name: "foo", Host: "no-such-host.invalid"}, 0); err == nil {
		t.Errorf("a host that does not exist is at %v", got)
	}
}

func TestGarbageAndSpoofedPackets_realtime(t *testing.T) {
	well := freePort(t)
	bootUDP(t, well, "one", 1)
	bootUDP(t, well, "two", 1002)
	c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(well))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	valid := request{kind: kindRegister, name: "evil", port: 9}.append(nil)
	for i := range 200 {
		b := append([]byte{}, valid...)
		b = b[:rand.IntN(len(b))]
		switch i % 3 {
		case 0:
			b = make([]byte, rand.IntN(2000))
		case 1:
			b = reply{kind: kindRenew}.append(nil)
		}
		if _, err := c.Write(b); err != nil {
			t.Fatal(err)
		}
	}
	wantUDP(t, well, "two", 1002)
	if got, err := List(t.Context(), well); err != nil || len(got) != 2 {
		t.Errorf("list: %v, %v", got, err)
	}
}

// A reply without the transaction id of the request is nobody's.
func TestSpoofedReplies_realtime(t *testing.T) {
	well := freePort(t)
	sock, err := udpNetwork{}.bind(well)
	if err != nil {
		t.Fatal(err)
	}
	defer sock.Close()
	done := make(chan struct{})
	defer func() { <-done }()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		defer close(done)
		buf := make([]byte, 2000)
		for {
			n, from, err := sock.ReadNonQUICPacket(ctx, buf)
			if err != nil {
				return
			}
			r, err := decodeRequest(buf[:n])
			if err != nil {
				continue
			}
			to := addrPort(from)
			send(sock, []datagram{
				{to, []byte("!wn")},
				answer(to, reply{kind: kindReply, status: statusOK, port: 666}),
				answer(to, reply{kind: kindRenew, tx: r.tx}),
				answer(to, reply{kind: kindListReply, tx: r.tx, status: statusOK}),
				answer(to, reply{kind: kindReply, tx: r.tx, status: statusOK, port: 7}),
			})
		}
	}()
	wantUDP(t, well, "one", 7)
}

func TestReadEndsWithItsContext_realtime(t *testing.T) {
	sock, err := udpNetwork{}.open()
	if err != nil {
		t.Fatal(err)
	}
	defer sock.Close()
	for range 100 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond/2)
		if _, _, err := sock.ReadNonQUICPacket(ctx, make([]byte, 10)); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		cancel()
	}
}
