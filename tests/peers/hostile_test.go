package peers

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/quic-go/quic-go"

	"github.com/wnode/wnode"
	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
	"github.com/wnode/wnode/internal/nodetest"
	"github.com/wnode/wnode/net/wire"
)

// healthy has a peer that keeps to the rules join the node, be answered, and leave.
func healthy(t *testing.T, n *wnode.Node) {
	t.Helper()
	gone(t, n)
	pid, got := receiver(t, n)
	p := newPeer(t, "good@127.0.0.1")
	p.join(n, nil)
	p.send(n, abi.Signal{Kind: abi.SignalMessage, From: p.pid(7), To: pid, Data: term.MustEncode("well")})
	if text := <-got; text != "well" {
		t.Errorf("the process got %s", text)
	}
	p.send(n, abi.Signal{Kind: abi.SignalExit, From: p.pid(7), To: pid, Data: term.MustEncode("kill")})
	p.settle(n)
	p.leave()
	gone(t, n)
}

// gone waits until nothing is left of peers.
func gone(t *testing.T, n *wnode.Node) {
	t.Helper()
	nodetest.Eventually(t, "the peers are gone", func() bool { return len(n.Nodes()) == 0 })
}

// heap is what is in use, in bytes.
func heap() uint64 {
	var stats runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

// downs gives the reasons of all nodedowns from now on (MON-14).
func downs(t *testing.T, n *wnode.Node) <-chan string {
	t.Helper()
	ready, reasons := make(chan struct{}), make(chan string, 100)
	if _, err := n.Spawn("watcher", abi.Pid{}, func(p *wnode.Process) wnode.Exit {
		if err := p.MonitorNodes(); err != nil {
			t.Error(err)
		}
		close(ready)
		for {
			m, err := p.Receive(p.Context(), wnode.Infinity)
			if err != nil {
				return wnode.Normal
			}
			event, _ := term.Decode(m.Data)
			if list := event.([]any); list[0] == "nodedown" {
				reasons <- list[2].(map[any]any)["nodedown_reason"].(string)
			}
		}
	}); err != nil {
		t.Fatal(err)
	}
	<-ready
	return reasons
}

// Bytes without sense, on every kind of stream, cost the peer its link and the node one line.
func TestRandomFrames(t *testing.T) {
	n, logs := startNode(t, "one@127.0.0.1")
	reasons := downs(t, n)
	for seed := range uint64(12) {
		r := rand.New(rand.NewPCG(seed, 7369))
		noise := make([]byte, 1+r.IntN(4000))
		for i := range noise {
			noise[i] = byte(r.Uint32())
		}
		p := newPeer(t, fmt.Sprintf("noise%d@127.0.0.1", seed))
		p.join(n, nil)
		switch seed % 3 {
		case 0:
			p.say(append([]byte{0x55}, noise...)...) // a type that may not be passed over
		case 1:
			_, err := p.signals.Write(append([]byte{3, 1, 0x80, 0}, noise...))
			p.check(err)
		case 2: // a transfer that makes no sense ends alone
			p.noiseForModule(noise[:min(len(noise), 30)])
			p.settle(n)
			p.leave()
			if got := <-reasons; got != "connection_closed" {
				t.Errorf("seed %d: nodedown by %s", seed, got)
			}
			continue
		}
		if code := p.ended(); code != 2 {
			t.Errorf("seed %d: code %d", seed, code)
		}
		if got := <-reasons; got != "protocol_violation" {
			t.Errorf("seed %d: nodedown by %s", seed, got)
		}
		wantLine(t, logs, p.name, "broke the protocol")
	}
	healthy(t, n)
}

// noiseForModule asks for a module with less than a request, and returns when that is over.
func (p *peer) noiseForModule(noise []byte) {
	p.t.Helper()
	s, err := p.conn.OpenStream()
	p.check(err)
	_, err = s.Write(append([]byte{byte(wire.StreamModule)}, noise...))
	p.check(err)
	p.check(s.Close())
	_, _ = io.ReadAll(s)
}

// Signals that are well formed, in orders and with receivers that no node would have.
func TestRandomSignals(t *testing.T) {
	n, _ := startNode(t, "one@127.0.0.1")
	pids := []abi.Pid{{Node: n.ID()}, {Node: n.ID(), Num: 1 << 50}}
	for range 4 {
		pid, _ := receiver(t, n)
		pids = append(pids, pid)
	}
	data := [][]byte{
		nil,
		{0xff},
		term.MustEncode("normal"), term.MustEncode("kill"), pids[2].Append(nil),
		term.MustEncode([]any{"ok", pids[2]}), term.MustEncode([]any{"error", -1}), make([]byte, 70<<10),
		term.MustEncode(nameMessage("sync", nil)), term.MustEncode(nameMessage("commit", map[any]any{2: "a", 3: pids[3]})),
	}
	for seed := range uint64(4) {
		r := rand.New(rand.NewPCG(seed, 7369))
		p := newPeer(t, fmt.Sprintf("odd%d@127.0.0.1", seed))
		p.join(n, nil)
		for range 3000 {
			sig := abi.Signal{
				Kind: abi.SignalKind(1 + r.IntN(int(abi.SignalNode)+2)), From: p.pid(uint64(r.IntN(4))),
				To: pids[r.IntN(len(pids))], Data: data[r.IntN(len(data))],
				Ref: abi.Ref{Node: []abi.NodeID{0, p.id, n.ID(), 3}[r.IntN(4)], Num: uint64(r.IntN(6))},
			}
			if sig.To.Num == 0 && r.IntN(2) == 0 {
				sig.Name = "nobody"
			}
			p.send(n, sig)
		}
		p.settle(n)
		p.leave()
	}
	healthy(t, n)
}

// Lengths that promise more than comes hold nothing but the link.
func TestLyingLengths(t *testing.T) {
	n, _ := startNode(t, "one@127.0.0.1")
	var peers []*peer
	for i := range 8 {
		peers = append(peers, newPeer(t, fmt.Sprintf("liar%d@127.0.0.1", i)))
		peers[i].link(n, nil)
	}
	before := heap()
	for _, p := range peers {
		p.say(append(binary.AppendUvarint([]byte{byte(wire.TypePing)}, wire.MaxFrameBytes), 1)...)
		head := binary.AppendUvarint(nil, wire.DefaultMaxSignalBytes)
		_, err := p.signals.Write(append(head, byte(abi.SignalMessage), 1|2<<2, 7, 8, 0))
		p.check(err)
	}
	if after := heap(); after > before+(32<<20) {
		t.Errorf("%d bytes in use, %d before", after, before)
	}
	for _, p := range peers {
		p.check(p.conn.CloseWithError(0, ""))
	}
	healthy(t, n)
}

// nobody is a process that the node does not have.
func nobody(n *wnode.Node) abi.Pid { return abi.Pid{Node: n.ID(), Num: 1 << 62} }

// floods have a peer say one thing, which i makes another each time. pid is a process of the node's.
var floods = map[string]func(p *peer, n *wnode.Node, pid abi.Pid, i uint64){
	"spawns": func(p *peer, n *wnode.Node, _ abi.Pid, i uint64) {
		p.spawn(n, abi.Function{Module: abi.Hash{1}, Export: "_start"}, abi.Ref{Node: p.id, Num: i}, abi.Ref{})
	},
	"links": func(p *peer, n *wnode.Node, pid abi.Pid, i uint64) {
		p.send(n, abi.Signal{Kind: abi.SignalLink, From: p.pid(i), To: pid})
	},
	"links with nobody": func(p *peer, n *wnode.Node, _ abi.Pid, i uint64) {
		p.send(n, abi.Signal{Kind: abi.SignalLink, From: p.pid(i), To: nobody(n)})
	},
	"monitors": func(p *peer, n *wnode.Node, pid abi.Pid, i uint64) {
		p.send(n, abi.Signal{Kind: abi.SignalMonitor, From: p.pid(7), To: pid, Ref: abi.Ref{Node: p.id, Num: i}})
	},
	"names": func(p *peer, n *wnode.Node, _ abi.Pid, i uint64) {
		p.tell(n, nameMessage("commit", map[any]any{2: fmt.Sprint("name", i), 3: p.pid(i)}))
	},
	"reservations": func(p *peer, n *wnode.Node, _ abi.Pid, i uint64) {
		p.tell(n, nameMessage("reserve", map[any]any{2: fmt.Sprint("name", i), 3: p.pid(i), 5: p.pid(7)}))
	},
	"questions": func(p *peer, n *wnode.Node, _ abi.Pid, i uint64) {
		p.tell(n, nameMessage("register", map[any]any{2: fmt.Sprint("name", i), 3: nobody(n), 5: p.pid(7)}))
	},
}

// What a peer may make a node keep is bounded, and gone with the peer.
func TestFloods(t *testing.T) {
	const count = 5_000
	for name, flood := range floods {
		t.Run(name, func(t *testing.T) {
			began := time.Now()
			n, logs := startNode(t, "one@127.0.0.1")
			pid, _ := receiver(t, n)
			before := heap()
			p := newPeer(t, "flood@127.0.0.1")
			p.join(n, nil)
			for i := range uint64(count) {
				flood(p, n, pid, i+2)
			}
			p.settle(n)
			p.leave()
			gone(t, n)
			nodetest.Eventually(t, "the processes are gone", func() bool { return len(n.Processes()) <= 1 })
			nodetest.Eventually(t, "the names are gone", func() bool { return len(n.GlobalNames()) == 0 })
			if after := heap(); after > before+(48<<20) {
				t.Errorf("%d bytes in use, %d before", after, before)
			}
			const perSecond = 100 // crashes, which a node logs of all processes together after the first ones
			if lines := len(logs.lines("")); lines > 1000+int(perSecond*time.Since(began).Seconds()) {
				t.Errorf("the log has %d lines", lines)
			}
			healthy(t, n)
		})
	}
}

// A peer has no more processes here than it may, and room again when some have ended. Other peers have their own.
func TestSpawnsAreBounded(t *testing.T) {
	const most, asked = 10, 200
	n, _ := startWith(t, wnode.Options{Name: "one@127.0.0.1", PeerProcesses: most})
	p := newPeer(t, "flood@127.0.0.1")
	p.join(n, nil)
	next := uint64(10)
	spawn := func(p *peer) (abi.Pid, string) {
		next++
		ref := abi.Ref{Node: p.id, Num: next}
		p.spawn(n, abi.Function{Module: abi.Hash{1}, Export: "_start"}, ref, ref)
		reply := p.await("the reply", func(sig abi.Signal) bool { return sig.Kind == abi.SignalSpawnReply && sig.Ref == ref })
		return reply.From, string(reply.Data)
	}
	refused := string(term.MustEncode([]any{"error", int32(abi.ErrLimit)}))
	var pids []abi.Pid
	for i := range asked {
		pid, reply := spawn(p)
		if got := reply == refused; got != (i >= most) {
			t.Fatalf("request %d is answered %x", i, reply)
		}
		pids = append(pids, pid)
	}
	if got := len(n.Processes()); got != most {
		t.Errorf("%d processes, want %d", got, most)
	}
	p.send(n, abi.Signal{Kind: abi.SignalExit, From: p.pid(7), To: pids[0], Data: term.MustEncode("kill")})
	p.await("its end", func(sig abi.Signal) bool { return sig.Kind == abi.SignalDown && sig.From == pids[0] })
	nodetest.Eventually(t, "there is room again", func() bool { _, reply := spawn(p); return reply != refused })
	p.leave()
	gone(t, n)
	other := newPeer(t, "other@127.0.0.1")
	other.id--
	other.join(n, nil)
	if _, reply := spawn(other); reply == refused {
		t.Error("another peer has no room")
	}
	other.leave()
}

// frameOf compresses a few bytes with Zstandard (RFC 8878): one raw block in a frame of one segment.
func frameOf(content []byte) []byte {
	b := append([]byte{0x28, 0xb5, 0x2f, 0xfd, 0x20, byte(len(content))}, byte(len(content)<<3|1), byte(len(content)>>5), 0)
	return append(b, content...)
}

// lie has a liar answer a request for a module, and fails the test unless that costs the process, and the node a line.
func (p *peer) lie(n *wnode.Node, logs *buffer, stream *quic.Stream, answer []byte, monitor abi.Ref) {
	p.t.Helper()
	_, err := stream.Write(answer)
	p.check(err)
	p.check(stream.Close())
	down := p.await("the end of the process", func(sig abi.Signal) bool { return sig.Kind == abi.SignalDown && sig.Ref == monitor })
	if reason := string(down.Data); reason == string(term.MustEncode("normal")) {
		p.t.Errorf("the process ended %q", reason)
	}
	wantLine(p.t, logs, "module transfer failed", "liar@127.0.0.1")
	p.leave()
	healthy(p.t, n)
}

// A module that is not what its hash says is neither kept nor run, whatever the peer answers.
func TestFalseModule(t *testing.T) {
	module := []byte("\x00asm\x01\x00\x00\x00")
	ok := func(size uint64) []byte { return binary.LittleEndian.AppendUint64([]byte{0}, size) }
	for name, answer := range map[string][]byte{
		"another module":    slices.Concat(ok(8), frameOf(module)),
		"less than told":    slices.Concat(ok(9), frameOf(module)),
		"more than told":    slices.Concat(ok(7), frameOf(module)),
		"no compression":    slices.Concat(ok(8), module),
		"size of 2^64-1":    ok(1<<64 - 1),
		"an unknown status": slices.Concat([]byte{99}, make([]byte, 8)),
		"nothing":           nil,
	} {
		t.Run(name, func(t *testing.T) {
			n, logs := startNode(t, "one@127.0.0.1")
			p := newPeer(t, "liar@127.0.0.1")
			p.join(n, nil)
			fn := abi.Function{Module: sha256.Sum256([]byte("the module that was asked for")), Export: "_start", Name: "m"}
			ref := abi.Ref{Node: p.id, Num: 5}
			p.spawn(n, fn, ref, ref)
			stream, err := p.conn.AcceptStream(t.Context())
			p.check(err)
			_, err = io.ReadFull(stream, make([]byte, 1+abi.HashSize+8))
			p.check(err)
			p.lie(n, logs, stream, answer, ref)
		})
	}
}

// Streams that are opened without end, and those that are given up at once, are the peer's own loss.
func TestEndlessStreams(t *testing.T) {
	n, _ := startNode(t, "one@127.0.0.1")
	p := newPeer(t, "streams@127.0.0.1")
	p.join(n, nil)
	var silent []*quic.Stream
	for {
		s, err := p.conn.OpenStream()
		if err != nil {
			break
		}
		_, err = s.Write([]byte{byte(wire.StreamModule)})
		p.check(err)
		silent = append(silent, s)
	}
	if len(silent) > 64 {
		t.Errorf("%d silent streams may be open", len(silent))
	}
	p.settle(n)
	for _, s := range silent {
		s.CancelWrite(0)
		s.CancelRead(0)
	}
	for range 2000 {
		s, err := p.conn.OpenStreamSync(t.Context())
		p.check(err)
		_, err = s.Write([]byte{byte(wire.StreamModule), 1})
		p.check(err)
		s.CancelWrite(0)
		s.CancelRead(0)
		u, err := p.conn.OpenUniStreamSync(t.Context())
		p.check(err)
		_, err = u.Write([]byte{byte(wire.StreamSignals), 1})
		p.check(err)
		u.CancelWrite(0)
	}
	p.settle(n)
	p.leave()
	healthy(t, n)
}

// A peer that lets nothing be written to it loses its link, and the node says why.
func TestPeerNeverReads(t *testing.T) {
	n, logs := startNode(t, "one@127.0.0.1")
	p := newPeer(t, "deaf@127.0.0.1")
	p.join(n, &quic.Config{InitialStreamReceiveWindow: 1 << 10, MaxStreamReceiveWindow: 1 << 10})
	ping := frame(wire.TypePing, map[any]any{1: uint64(1 << 60)})
	_, _ = p.control.Write(slices.Repeat(ping, 20_000)) // it fails when the node has had enough
	if code := p.ended(); code != 3 {
		t.Errorf("the link ends with code %d", code)
	}
	wantLine(t, logs, "broke the protocol", "deaf@127.0.0.1", "reads no control frames")
	healthy(t, n)
}

// A peer that has the node answer without end and reads none of it is given up before that takes much memory.
func TestPeerNeverReadsSignals(t *testing.T) {
	n, logs := startNode(t, "one@127.0.0.1")
	p := newPeer(t, "deaf@127.0.0.1")
	p.got = make(chan abi.Signal) // which nobody takes from
	p.link(n, &quic.Config{InitialStreamReceiveWindow: 1 << 10, MaxStreamReceiveWindow: 1 << 10})
	p.tell(n, nameMessage("sync", nil))
	p.tell(n, nameMessage("synced", nil))
	var batch []byte
	for i := range uint64(1000) { // the answer to each is that there is no such process
		sig := abi.Signal{Kind: abi.SignalMonitor, From: p.pid(7), To: abi.Pid{Node: n.ID(), Num: 1 << 62}, Ref: abi.Ref{Node: p.id, Num: i}}
		batch = wire.AppendSignal(batch, sig, p.id, n.ID())
	}
	before, most := heap(), uint64(0)
	for i := 0; p.conn.Context().Err() == nil && i < 10_000; i++ {
		_, _ = p.signals.Write(batch) // it fails when the node has had enough
		if i%100 == 0 {
			most = max(most, heap())
		}
	}
	if code := p.ended(); code != 3 {
		t.Errorf("the link ends with code %d", code)
	}
	if most > before+(256<<20) {
		t.Errorf("%d bytes in use, %d before", most, before)
	}
	wantLine(t, logs, "broke the protocol", "deaf@127.0.0.1", "the peer reads nothing")
	healthy(t, n)
}
