package names

import (
	"bytes"
	"fmt"
	"net/netip"
	"testing"

	"pgregory.net/rapid"
)

var (
	here     = netip.MustParseAddrPort("127.0.0.1:40000")
	stranger = netip.MustParseAddrPort("192.0.2.1:40000")
)

func loopbackOnly(a netip.Addr) bool { return a.IsLoopback() }

// busyHolder is a holder of a host with many nodes, with the longest names there are.
func busyHolder() *holder {
	h := newHolder(loopbackOnly, epoch)
	for i := range 100 {
		name := fmt.Sprintf("n%063d", i)
		h.table.register(claim{name: name, port: uint16(i + 1), from: netip.MustParseAddrPort("127.0.0.1:1")}, at(warmUp))
	}
	return h
}

// checkNoAmplification: what goes back to the sender has no more bytes than what came, a stranger
// makes the holder send nothing to anybody else, and a stranger gets nothing but lookups answered.
func checkNoAmplification(t interface{ Fatalf(string, ...any) }, h *holder, b []byte, from netip.AddrPort) {
	back := 0
	for _, d := range h.handle(b, from, at(warmUp)) {
		if d.to == from {
			back += len(d.b)
		} else if !loopbackOnly(d.to.Addr()) || !loopbackOnly(from.Addr()) || len(d.b) > len(b) {
			t.Fatalf("packet from %v makes the holder send %d bytes to %v", from, len(d.b), d.to)
		}
		if from == stranger && (len(d.b) != headerSize || kind(b[4]) != kindLookup) {
			t.Fatalf("a stranger's packet of kind %d gets %x", b[4], d.b)
		}
	}
	if back > len(b) {
		t.Fatalf("%d bytes are answered with %d", len(b), back)
	}
}

func TestReplyIsNeverLargerThanRequest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := busyHolder()
		for range 5 {
			r := drawRequest(t)
			if r.kind != kindList && rapid.Bool().Draw(t, "known") {
				r.name = fmt.Sprintf("n%063d", rapid.IntRange(0, 99).Draw(t, "n"))
			}
			checkNoAmplification(t, h, r.append(nil), here)
			checkNoAmplification(t, h, r.append(nil), stranger)
		}
	})
}

func FuzzHandle(f *testing.F) {
	f.Add(request{kind: kindLookup, name: "one"}.append(nil), true)
	f.Add(request{kind: kindRegister, name: "n" + fmt.Sprintf("%063d", 1), port: 9}.append(nil), true)
	f.Add(request{kind: kindUnregister, name: "one", port: 9}.append(nil), false)
	f.Add(request{kind: kindList}.append(nil), true)
	f.Add([]byte{}, false)
	h := busyHolder()
	f.Fuzz(func(t *testing.T, b []byte, local bool) {
		from := stranger
		if local {
			from = here
		}
		checkNoAmplification(t, h, b, from)
	})
}

func TestStrangersMayOnlyLookUp(t *testing.T) {
	h := newHolder(loopbackOnly, epoch)
	requests := []request{
		{kind: kindRegister, name: "foo", port: 9},
		{kind: kindUnregister, name: "foo", port: 9},
		{kind: kindList},
	}
	for _, r := range requests {
		if out := h.handle(r.append(nil), stranger, epoch); out != nil {
			t.Errorf("kind %d from a stranger is answered: %v", r.kind, out)
		}
	}
	if _, st := h.table.lookup("foo", epoch); st == statusOK {
		t.Error("a stranger registered a name")
	}
	out := h.handle(request{kind: kindLookup, tx: txid{7}, name: "foo"}.append(nil), stranger, epoch)
	if want := (reply{kind: kindReply, tx: txid{7}, status: statusUnsure}).append(nil); len(out) != 1 || !bytes.Equal(out[0].b, want) {
		t.Errorf("lookup gets %v, want %x", out, want)
	}
}

func TestRemoteLookupsAreLimited(t *testing.T) {
	h := newHolder(loopbackOnly, epoch)
	b := request{kind: kindLookup, name: "foo"}.append(nil)
	answers := map[netip.AddrPort]int{}
	for range 500 {
		for _, from := range []netip.AddrPort{stranger, here} {
			answers[from] += len(h.handle(b, from, epoch))
		}
	}
	if answers[stranger] != lookupBurst || answers[here] != 500 {
		t.Errorf("%v", answers)
	}
}

func TestChallengeGoesToTheOwner(t *testing.T) {
	h := newHolder(loopbackOnly, epoch)
	owner := netip.MustParseAddrPort("127.0.0.1:50000")
	h.handle(request{kind: kindRegister, tx: txid{1}, name: "foo", port: 1}.append(nil), owner, at(warmUp))
	out := h.handle(request{kind: kindRegister, tx: txid{2}, name: "foo", port: 2}.append(nil), here, at(warmUp))
	want := []datagram{
		answer(owner, reply{kind: kindRenew, tx: txid{1}}),
		answer(here, reply{kind: kindReply, tx: txid{2}, status: statusPending}),
	}
	if fmt.Sprint(out) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", out, want)
	}
}

func TestOwnAddrs(t *testing.T) {
	var own ownAddrs
	for text, want := range map[string]bool{
		"127.0.0.1": true, "127.5.5.5": true, "::1": true, "::ffff:127.0.0.1": true,
		"192.0.2.1": false, "2001:db8::1": false, "0.0.0.0": false,
	} {
		if got := own.has(netip.MustParseAddr(text)); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
	for a := range interfaceAddrs() {
		if !own.has(a) {
			t.Errorf("%s is not ours", a)
		}
	}
}
