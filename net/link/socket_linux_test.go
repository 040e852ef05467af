package link

import (
	"bytes"
	"encoding/binary"
	"net"
	"slices"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"
)

// together sends packets of one size, but for the last, in one system call.
func together(t *testing.T, from *net.UDPConn, to net.Addr, data []byte, size int) {
	t.Helper()
	control := make([]byte, unix.CmsgSpace(2))
	header := (*unix.Cmsghdr)(unsafe.Pointer(&control[0]))
	header.Level, header.Type = unix.IPPROTO_UDP, unix.UDP_SEGMENT
	header.SetLen(unix.CmsgLen(2))
	binary.NativeEndian.PutUint16(control[unix.CmsgLen(0):], uint16(size))
	if _, _, err := from.WriteMsgUDP(data, control, to.(*net.UDPAddr)); err != nil {
		t.Fatal(err)
	}
}

// readPackets reads so many packets, as quic-go does: a few at a time.
func readPackets(t *testing.T, s *socket, want int) (packets [][]byte, from []string) {
	t.Helper()
	messages := make([]ipv4.Message, 3)
	for len(packets) < want {
		for i := range messages {
			messages[i] = ipv4.Message{Buffers: [][]byte{make([]byte, 1452)}, OOB: make([]byte, 128)}
		}
		n, err := s.ReadBatch(messages, 0)
		if err != nil || n == 0 {
			t.Fatalf("%d packets, %v", n, err)
		}
		for _, m := range messages[:n] {
			packets, from = append(packets, m.Buffers[0][:m.N]), append(from, m.Addr.String())
		}
	}
	return packets, from
}

// What was sent as packets arrives as these packets, whether the system hands them over together or not.
func TestSocketTakesPacketsApart(t *testing.T) {
	for name, listen := range map[string]string{"IPv4": "127.0.0.1:0", "IPv6": "[::1]:0"} {
		t.Run(name, func(t *testing.T) {
			conn, err := net.ListenPacket("udp", listen)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			s, ok := reading(conn).(*socket)
			if !ok {
				t.Fatal("the system gives no packets together")
			}
			one, err := net.ListenUDP("udp", &net.UDPAddr{IP: conn.LocalAddr().(*net.UDPAddr).IP})
			if err != nil {
				t.Fatal(err)
			}
			defer one.Close()
			if err := conn.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
				t.Fatal(err)
			}
			data := make([]byte, 9*1200+7)
			for i := range data {
				data[i] = byte(i / 100)
			}
			together(t, one, conn.LocalAddr(), data, 1200)
			want := slices.Collect(slices.Chunk(data, 1200))
			for _, single := range [][]byte{data[:1], data[:1452], data[:2000]} { // and one that is larger than readers take
				if _, err := one.WriteTo(single, conn.LocalAddr()); err != nil {
					t.Fatal(err)
				}
				want = append(want, single[:min(len(single), 1452)])
			}
			packets, from := readPackets(t, s, len(want))
			if !slices.EqualFunc(packets, want, bytes.Equal) {
				t.Errorf("got %d packets, not those %d that were sent", len(packets), len(want))
			}
			for _, addr := range from {
				if addr != one.LocalAddr().String() {
					t.Errorf("from %s, not %v", addr, one.LocalAddr())
				}
			}
		})
	}
}

// Packets of different senders are told apart.
func TestSocketTellsSenders(t *testing.T) {
	conn := listenOn(t, "127.0.0.1")
	defer conn.Close()
	s := reading(conn).(*socket)
	var want []string
	for range 3 {
		from := listenOn(t, "127.0.0.1")
		defer from.Close()
		if _, err := from.WriteTo([]byte("hello"), conn.LocalAddr()); err != nil {
			t.Fatal(err)
		}
		want = append(want, from.LocalAddr().String())
	}
	if _, from := readPackets(t, s, len(want)); !slices.Equal(from, want) {
		t.Errorf("from %v, not %v", from, want)
	}
}

// What the system says beside packets is not trusted with more than a size.
func TestSizeOfOne(t *testing.T) {
	for name, control := range map[string][]byte{"nothing": nil, "half of a header": make([]byte, 7), "a header of zeros": make([]byte, 24)} {
		if size := sizeOfOne(control); size != 0 {
			t.Errorf("%s: %d", name, size)
		}
	}
}
