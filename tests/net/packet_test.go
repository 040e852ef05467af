//go:build linux

package net

import (
	"encoding/binary"
	"net/netip"
	"testing"
)

// udpPacket is an Ethernet frame with a UDP datagram over IPv4 (RFC 791, RFC 768).
type udpPacket struct{ ip, udp []byte }

const (
	ethernetHeader = 14
	typeIPv4       = 0x0800
	protocolUDP    = 17
)

func parseUDP(frame []byte) (udpPacket, bool) {
	if len(frame) < ethernetHeader+20 || binary.BigEndian.Uint16(frame[12:]) != typeIPv4 {
		return udpPacket{}, false
	}
	ip := frame[ethernetHeader:]
	header := int(ip[0]&0xf) * 4
	fragment := binary.BigEndian.Uint16(ip[6:]) & 0x3fff
	if header < 20 || len(ip) < header+8 || ip[9] != protocolUDP || fragment != 0 {
		return udpPacket{}, false
	}
	return udpPacket{ip[:header], ip[header:]}, true
}

// dropChecksum says that there is none. The system leaves it to the device to compute one, and the device
// of a namespace to the one at the other end, which a middlebox in between makes wrong.
func (p udpPacket) dropChecksum() { clear(p.udp[6:8]) }

func (p udpPacket) source() netip.AddrPort      { return addrPort(p.ip[12:], p.udp) }
func (p udpPacket) destination() netip.AddrPort { return addrPort(p.ip[16:], p.udp[2:]) }

func (p udpPacket) setSource(a netip.AddrPort)      { p.put(p.ip[12:], p.udp, a) }
func (p udpPacket) setDestination(a netip.AddrPort) { p.put(p.ip[16:], p.udp[2:], a) }

func addrPort(ip, port []byte) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte(ip[:4])), binary.BigEndian.Uint16(port))
}

func (p udpPacket) put(ip, port []byte, a netip.AddrPort) {
	copy(ip, a.Addr().AsSlice())
	binary.BigEndian.PutUint16(port, a.Port())
	clear(p.ip[10:12])
	binary.BigEndian.PutUint16(p.ip[10:], ^onesSum(p.ip))
}

// onesSum is the sum of RFC 1071.
func onesSum(b []byte) uint16 {
	var sum uint32
	for i := 0; i+1 < len(b); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return uint16(sum)
}

// A packet has other addresses afterwards, and a header whose checksum is right.
func TestTranslate(t *testing.T) {
	home, moved := netip.MustParseAddrPort("10.0.0.1:7369"), netip.MustParseAddrPort("10.9.8.7:65000")
	frame := make([]byte, ethernetHeader+20+8+3)
	binary.BigEndian.PutUint16(frame[12:], typeIPv4)
	frame[ethernetHeader], frame[ethernetHeader+9] = 0x45, protocolUDP
	p, ok := parseUDP(frame)
	if !ok {
		t.Fatal("not taken for UDP")
	}
	p.setSource(home)
	p.setDestination(moved)
	b := middlebox{home: home, moved: moved}
	b.translate(1, frame)
	if got := p.destination(); got != home {
		t.Errorf("to %v, want %v", got, home)
	}
	b.translate(0, frame)
	if got := p.source(); got != moved {
		t.Errorf("from %v, want %v", got, moved)
	}
	if sum := onesSum(p.ip); sum != 0xffff {
		t.Errorf("the checksum of the header is wrong: %#x", sum)
	}
	for n := range frame {
		if _, ok := parseUDP(frame[:n]); ok && n < ethernetHeader+28 {
			t.Errorf("%d bytes are taken for a packet", n)
		}
	}
}
