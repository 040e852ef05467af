package peers

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/quic-go/quic-go"

	"github.com/wnode/wnode"
	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
	"github.com/wnode/wnode/net/wire"
)

// talker is the process of a peer that has the lane which tests write to.
const talker = 7

// joinWithLanes is join, with lanes, of which p.signals is that of process talker. Another one is that of the peer itself.
func (p *peer) joinWithLanes(n *wnode.Node) {
	p.t.Helper()
	hello := p.hello()
	hello[7] = []string{wire.FeatureLanes}
	p.call(n, nil, frame(wire.TypeHello, hello)...)
	if f, ok := p.next().(wire.Hello); !ok || !slices.Contains(f.Features, wire.FeatureLanes) {
		p.t.Fatalf("the node answers %#v", f)
	}
	p.say(frame(wire.TypeReady, map[any]any{})...)
	p.reading.Go(func() {
		for {
			s, err := p.conn.AcceptUniStream(context.Background())
			if err != nil {
				return
			}
			p.reading.Go(func() { p.readLane(s, n.ID()) })
		}
	})
	p.signals = p.openLane(0)
	p.tell(n, nameMessage("sync", nil))
	p.tell(n, nameMessage("synced", nil))
	p.await("the word of the node", func(sig abi.Signal) bool { return sig.Kind == abi.SignalNode })
	p.await("its second word", func(sig abi.Signal) bool { return sig.Kind == abi.SignalNode })
	p.signals = p.openLane(wire.LaneOf(talker))
}

func (p *peer) openLane(lane int) *quic.SendStream {
	p.t.Helper()
	s, err := p.conn.OpenUniStream()
	p.check(err)
	p.check(wire.WriteLane(s, lane))
	return s
}

// readLane takes in what comes on a lane of the node's.
func (p *peer) readLane(s *quic.ReceiveStream, node abi.NodeID) {
	if kind, err := wire.ReadStreamKind(s); err != nil || kind != wire.StreamLane {
		return
	}
	lane, err := wire.ReadLane(s)
	if err != nil {
		return
	}
	p.takeSignals(wire.NewDecoder(s, wire.DecoderOptions{Local: p.id, Remote: node, Laned: true, Lane: lane}))
}

// A large message in parts comes when it is whole, behind what was sent between the parts and before what was sent after them.
func TestPartsOfMessage(t *testing.T) {
	n, _ := startNode(t, "one@127.0.0.1")
	pid, got := receiver(t, n)
	p := newPeer(t, "parts@127.0.0.1")
	p.joinWithLanes(n)
	long := strings.Repeat("long ", 1000)
	sig := func(text string) abi.Signal {
		return abi.Signal{Kind: abi.SignalMessage, From: p.pid(talker), To: pid, Data: term.MustEncode(text)}
	}
	large := sig(long)
	b := wire.AppendFirstPart(nil, large, 1, 1, p.id, n.ID())
	b = wire.AppendSignal(b, sig("between"), p.id, n.ID())
	b = wire.AppendPart(b, 1, large.Data[1:2000])
	b = wire.AppendPart(b, 1, large.Data[2000:])
	_, err := p.signals.Write(wire.AppendSignal(b, sig("after"), p.id, n.ID()))
	p.check(err)
	for _, want := range []string{"between", long, "after"} {
		if text := <-got; text != want {
			t.Errorf("got %.20q, want %.20q", text, want)
		}
	}
	p.check(p.conn.CloseWithError(0, ""))
	healthy(t, n)
}

// What a peer has begun to send and does not end is part of the memory of the node, as long as there is a link.
func TestPartsCountAsMemory(t *testing.T) {
	n, _ := startNode(t, "one@127.0.0.1")
	pid, got := receiver(t, n)
	p := newPeer(t, "counted@127.0.0.1")
	p.joinWithLanes(n)
	sig := abi.Signal{Kind: abi.SignalMessage, From: p.pid(talker), To: pid, Data: make([]byte, 10<<20)}
	behind := sig
	behind.Data = term.MustEncode("behind")
	b := wire.AppendFirstPart(nil, sig, 0, 1<<20, p.id, n.ID())
	b = wire.AppendFirstPart(b, sig, 1, 10, p.id, n.ID())
	_, err := p.signals.Write(wire.AppendSignal(b, behind, p.id, n.ID()))
	p.check(err)
	<-got
	if m := n.Memory(); m.Links != 1<<20+64<<10 || m.Total() < m.Links {
		t.Errorf("%+v: %d bytes are on links", m, m.Links)
	}
	p.check(p.conn.CloseWithError(0, ""))
	healthy(t, n)
	n.Disconnect(t.Context(), "counted@127.0.0.1") // waits for the end of the link, whoever ends it
	if m := n.Memory(); m.Links != 0 {
		t.Errorf("%d bytes are on links in the end", m.Links)
	}
}

// Who breaks the rules of lanes loses the link, with one line in the log.
func TestHostileLanes(t *testing.T) {
	n, logs := startNode(t, "one@127.0.0.1")
	pid, _ := receiver(t, n)
	begin := func(p *peer, transfer uint8, bytes int) []byte {
		sig := abi.Signal{Kind: abi.SignalMessage, From: p.pid(talker), To: pid, Data: make([]byte, 1000)}
		return wire.AppendFirstPart(nil, sig, transfer, bytes, p.id, n.ID())
	}
	// claim is the first byte of so many.
	claim := func(size uint64) []byte {
		b := binary.AppendUvarint([]byte{byte(abi.SignalMessage), 1 | 2<<2 | 1<<7, talker, 8, 0}, size)
		return append(binary.AppendUvarint(nil, uint64(len(b)+1)), append(b, 0)...)
	}
	for name, c := range map[string]struct {
		say  func(p *peer) []byte
		want string
	}{
		"more than the node takes": {func(*peer) []byte { return claim(wire.DefaultMaxSignalBytes + 1) }, "frame too large"},
		"more than there is":       {func(*peer) []byte { return claim(1<<64 - 1) }, "frame too large"},
		"no bytes at all":          {func(*peer) []byte { return claim(0) }, "malformed"},
		"more than was told": {func(p *peer) []byte {
			return wire.AppendPart(begin(p, 0, 1), 0, make([]byte, 1000))
		}, "malformed"},
		"too many": {func(p *peer) []byte {
			return slices.Concat(begin(p, 0, 1), begin(p, 1, 1), begin(p, 2, 1))
		}, "unexpected frame"},
		"a number that is in use": {func(p *peer) []byte {
			return slices.Concat(begin(p, 0, 1), begin(p, 0, 1))
		}, "unexpected frame"},
		"parts of nothing": {func(*peer) []byte { return wire.AppendPart(nil, 0, []byte{1}) }, "unexpected frame"},
		"parts of another": {func(p *peer) []byte {
			return wire.AppendPart(begin(p, 0, 1), 1, []byte{1})
		}, "unexpected frame"},
		"empty parts": {func(p *peer) []byte { return append(begin(p, 0, 1), 2, 0, 0) }, "malformed"},
		"the signal of another": {func(p *peer) []byte {
			return wire.AppendSignal(nil, abi.Signal{Kind: abi.SignalMessage, From: p.pid(talker + 1), To: pid}, p.id, n.ID())
		}, "not its sender's"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPeer(t, strings.ReplaceAll(name, " ", "_")+"@127.0.0.1")
			p.t = t
			p.joinWithLanes(n)
			_, err := p.signals.Write(c.say(p))
			p.check(err)
			if code := p.ended(); code != 2 {
				t.Errorf("code %d", code)
			}
			wantLine(t, logs, p.name, "broke the protocol", c.want)
		})
	}
	healthy(t, n)
}

// Large messages that begin and never end take no more memory than has come of them, and end with the link.
func TestUnfinishedMessages(t *testing.T) {
	n, _ := startNode(t, "one@127.0.0.1")
	pid, _ := receiver(t, n)
	var peers []*peer
	for i := range 4 {
		p := newPeer(t, fmt.Sprintf("unfinished%d@127.0.0.1", i))
		p.id -= abi.NodeID(i)
		p.joinWithLanes(n)
		peers = append(peers, p)
	}
	before := heap()
	for _, p := range peers {
		data := make([]byte, wire.DefaultMaxSignalBytes)
		for transfer := range uint8(wire.MaxTransfers) {
			sig := abi.Signal{Kind: abi.SignalMessage, From: p.pid(talker), To: pid, Data: data}
			_, err := p.signals.Write(wire.AppendFirstPart(nil, sig, transfer, 1000, p.id, n.ID()))
			p.check(err)
		}
	}
	for _, p := range peers {
		p.settle(n)
	}
	if after := heap(); after > before+(32<<20) {
		t.Errorf("%d bytes in use, %d before", after, before)
	}
	for _, p := range peers {
		p.check(p.conn.CloseWithError(0, ""))
	}
	healthy(t, n)
}

// Streams of lanes that there are not, or are open already, and of signals without a lane, are turned away, and the link stays.
func TestStrayLanes(t *testing.T) {
	n, _ := startNode(t, "one@127.0.0.1")
	p := newPeer(t, "stray@127.0.0.1")
	p.joinWithLanes(n)
	for _, first := range [][]byte{
		{byte(wire.StreamLane), wire.Lanes},
		{byte(wire.StreamLane), 255},
		{byte(wire.StreamLane), byte(wire.LaneOf(talker))},
		{byte(wire.StreamSignals)},
	} {
		s, err := p.conn.OpenUniStreamSync(t.Context())
		p.check(err)
		_, err = s.Write(append(first, 1, 2, 3))
		p.check(err)
		<-s.Context().Done()
	}
	p.settle(n)
	p.check(p.conn.CloseWithError(0, ""))
	healthy(t, n)
}
