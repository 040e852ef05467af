package peers

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/quic-go/quic-go"

	"github.com/wnode/wnode"
	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
	"github.com/wnode/wnode/net/wire"
)

// transferMap is a request or an answer of a transfer.
func transferMap(m map[any]any) []byte {
	body := term.MustEncode(m)
	return append(binary.LittleEndian.AppendUint16(nil, uint16(len(body))), body...)
}

// transferAnswer reads the next answer on a stream.
func transferAnswer(r io.Reader) (map[any]any, error) {
	var head [2]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	body := make([]byte, binary.LittleEndian.Uint16(head[:]))
	if _, err := io.ReadFull(r, body); err != nil {
		return nil, err
	}
	t, err := term.Decode(body)
	m, _ := t.(map[any]any)
	return m, err
}

// wants opens a stream for a module.
func (p *peer) wants(hash abi.Hash) *quic.Stream {
	p.t.Helper()
	s, err := p.conn.OpenStreamSync(p.t.Context())
	p.check(err)
	_, err = s.Write(append([]byte{byte(wire.StreamTransfer)}, transferMap(map[any]any{1: hash[:], 2: 1 << 30})...))
	p.check(err)
	return s
}

// newTransferPeer joins the node with a peer that can transfer modules.
func newTransferPeer(t *testing.T, n *wnode.Node, name string, config *quic.Config) *peer {
	t.Helper()
	p := newPeer(t, name)
	p.features = []string{wire.FeatureTransfer}
	p.link(n, config)
	p.tell(n, nameMessage("sync", nil))
	p.tell(n, nameMessage("synced", nil))
	p.settle(n)
	return p
}

// A peer that asks for many modules and takes none of them in leaves room for others that want one.
func TestTransfersAreShared(t *testing.T) {
	const size = 1 << 20
	n, _ := startNode(t, "one@127.0.0.1")
	var hashes []abi.Hash
	for i := range 32 {
		noise := make([]byte, size)
		_, _ = rand.NewChaCha8([32]byte{byte(i)}).Read(noise)
		section := append([]byte{1, 'n'}, noise...)
		module := append([]byte("\x00asm\x01\x00\x00\x00"), 0)
		module = append(binary.AppendUvarint(module, uint64(len(section))), section...)
		fn, err := n.Load(fmt.Sprint(i), module)
		if err != nil {
			t.Fatal(err)
		}
		hashes = append(hashes, fn.Module)
	}
	greedy := newTransferPeer(t, n, "greedy@127.0.0.1", &quic.Config{InitialStreamReceiveWindow: 1 << 10, MaxStreamReceiveWindow: 1 << 10})
	sent := 0
	for _, hash := range hashes {
		a, err := transferAnswer(greedy.wants(hash))
		greedy.check(err)
		if a[int64(1)] == int64(0) {
			sent++
		}
	}
	if sent == 0 || sent > 4 {
		t.Errorf("a peer has %d transfers at a time", sent)
	}
	other := newPeer(t, "other@127.0.0.1")
	other.id, other.features = other.id-1, []string{wire.FeatureTransfer}
	other.link(n, nil)
	s := other.wants(hashes[0])
	for a := (map[any]any{int64(1): int64(5)}); a[int64(1)] != int64(0); {
		var err error
		a, err = transferAnswer(s)
		other.check(err)
	}
	if got, err := io.ReadAll(s); err != nil || len(got) < size {
		t.Errorf("another peer gets %d bytes, %v", len(got), err)
	}
	other.check(other.conn.CloseWithError(0, ""))
	greedy.check(greedy.conn.CloseWithError(0, ""))
	healthy(t, n)
}

// What a peer says that makes no sense, or no module, ends one transfer, and its module is neither kept nor run.
func TestFalseTransfer(t *testing.T) {
	module := []byte("\x00asm\x01\x00\x00\x00")
	for name, answer := range map[string][]byte{
		"another module":      slices.Concat(transferMap(map[any]any{1: 0, 2: 8}), frameOf(module)),
		"after a wait":        slices.Concat(transferMap(map[any]any{1: 5}), transferMap(map[any]any{1: 0, 2: 8}), frameOf(module)),
		"from the middle on":  slices.Concat(transferMap(map[any]any{1: 0, 2: 8, 3: 4}), frameOf(module[4:])),
		"behind its end":      transferMap(map[any]any{1: 0, 2: 8, 3: 9}),
		"size of 2^64-1":      transferMap(map[any]any{1: 0, 2: uint64(1<<64 - 1)}),
		"a wait, and no more": transferMap(map[any]any{1: 5}),
		"no map":              {1, 0, 0xf6},
		"a length of 65,535":  {0xff, 0xff},
		"too many nodes":      transferMap(map[any]any{1: 3, 4: make([]any, 17)}),
		"an unknown status":   transferMap(map[any]any{1: 99}),
	} {
		t.Run(name, func(t *testing.T) {
			n, logs := startNode(t, "one@127.0.0.1")
			p := newTransferPeer(t, n, "liar@127.0.0.1", nil)
			fn := abi.Function{Module: sha256.Sum256([]byte("the module that was asked for")), Export: "_start", Name: "m"}
			ref := abi.Ref{Node: p.id, Num: 5}
			p.spawn(n, fn, ref, ref)
			stream, err := p.conn.AcceptStream(t.Context())
			p.check(err)
			if kind, err := wire.ReadStreamKind(stream); err != nil || kind != wire.StreamTransfer {
				t.Fatalf("a stream of the kind %v, %v", kind, err)
			}
			_, err = transferAnswer(stream) // which is the request here
			p.check(err)
			p.lie(n, logs, stream, answer, ref)
		})
	}
}
