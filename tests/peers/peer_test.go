package peers

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"log/slog"
	"math"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/quic-go/quic-go"
	"go.uber.org/goleak"

	"github.com/wnode/wnode"
	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
	"github.com/wnode/wnode/cookie"
	"github.com/wnode/wnode/internal/nodetest"
	"github.com/wnode/wnode/net/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	testCookie = "chocolate"
	patience   = time.Minute
)

// buffer is a log that a node writes and a test reads.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

// lines gives the lines that have text in them.
func (b *buffer) lines(text string) (found []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for line := range strings.Lines(b.b.String()) {
		if strings.Contains(line, text) {
			found = append(found, line)
		}
	}
	return found
}

// startNode starts a node and gives its log, from warnings on.
func startNode(t *testing.T, name string) (*wnode.Node, *buffer) {
	t.Helper()
	return startWith(t, wnode.Options{Name: name})
}

// startWith is startNode with options.
func startWith(t *testing.T, opts wnode.Options) (*wnode.Node, *buffer) {
	t.Helper()
	logs := &buffer{}
	opts.Cookie, opts.Listen, opts.WellKnownPort = secret(t), "127.0.0.1:0", nodetest.FreePort(t)
	opts.Logger = slog.New(slog.NewTextHandler(logs, &slog.HandlerOptions{Level: slog.LevelWarn}))
	n, err := wnode.Start(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := n.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	return n, logs
}

func secret(t *testing.T) wnode.Cookie {
	t.Helper()
	s, err := cookie.NewSecret(testCookie)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// peer is what holds the cookie and says what the test wants.
type peer struct {
	t         *testing.T
	id        abi.NodeID // the greatest there is, so that the node itself is the arbiter of names
	name      string
	features  []string // that it says that it has
	auth      *cookie.Authenticator
	transport *quic.Transport

	conn    *quic.Conn
	control *quic.Stream
	frames  *bufio.Reader
	signals *quic.SendStream
	got     chan abi.Signal // what the node has sent
	reading sync.WaitGroup
	over    chan struct{} // closed when the test is
}

func newPeer(t *testing.T, name string) *peer {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	own := secret(t)
	auth, err := cookie.NewAuthenticator(cookie.Config{Name: name, Cookies: func(string) []cookie.Secret { return []cookie.Secret{own} }})
	if err != nil {
		t.Fatal(err)
	}
	p := &peer{
		t: t, id: math.MaxUint64, name: name, auth: auth, transport: &quic.Transport{Conn: conn},
		got: make(chan abi.Signal, 1<<16), over: make(chan struct{}),
	}
	t.Cleanup(func() {
		_ = p.transport.Close()
		_ = conn.Close()
		close(p.over)
		p.reading.Wait()
	})
	return p
}

// check fails the test for an error.
func (p *peer) check(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

// hello is the one that this version says, as a map that a test changes.
func (p *peer) hello() map[any]any {
	h := map[any]any{1: 1, 2: 1, 3: uint64(p.id), 4: p.name, 8: wire.DefaultMaxSignalBytes}
	if len(p.features) > 0 {
		h[7] = p.features
	}
	return h
}

// frame encodes a control frame of any type.
func frame(t wire.FrameType, body any) []byte {
	b := term.MustEncode(body)
	return append(binary.AppendUvarint([]byte{byte(t)}, uint64(len(b))), b...)
}

// call proves the cookie to a node and opens the control stream with these first bytes.
func (p *peer) call(n *wnode.Node, config *quic.Config, first ...byte) {
	p.t.Helper()
	configs, err := p.auth.DialConfigs(n.Name())
	p.check(err)
	addr, err := net.ResolveUDPAddr("udp", n.Addr())
	p.check(err)
	p.conn, err = p.transport.Dial(p.t.Context(), addr, configs[0], config)
	p.check(err)
	p.control, err = p.conn.OpenStream()
	p.check(err)
	p.frames = bufio.NewReader(p.control)
	p.say(append([]byte{byte(wire.StreamControl)}, first...)...)
}

// link calls a node and goes on to where signals flow.
func (p *peer) link(n *wnode.Node, config *quic.Config) {
	p.t.Helper()
	p.call(n, config, frame(wire.TypeHello, p.hello())...)
	if f := p.next(); f.Type() != wire.TypeHello {
		p.t.Fatalf("the node answers %#v", f)
	}
	p.say(frame(wire.TypeReady, map[any]any{})...)
	p.openSignals(n.ID())
}

// openSignals opens this side's signal stream and takes in what comes on the node's.
func (p *peer) openSignals(node abi.NodeID) {
	p.t.Helper()
	var err error
	p.signals, err = p.conn.OpenUniStream()
	p.check(err)
	_, err = p.signals.Write([]byte{byte(wire.StreamSignals)})
	p.check(err)
	p.reading.Go(func() {
		s, err := p.conn.AcceptUniStream(context.Background())
		if err != nil {
			return
		}
		if _, err := wire.ReadStreamKind(s); err != nil {
			return
		}
		p.takeSignals(wire.NewDecoder(s, wire.DecoderOptions{Local: p.id, Remote: node}))
	})
}

// takeSignals takes in what the node sends on a stream of signals.
func (p *peer) takeSignals(d *wire.Decoder) {
	for {
		sig, err := d.Next()
		if err != nil {
			return
		}
		select {
		case p.got <- sig:
		case <-p.over:
			return
		}
	}
}

// say writes to the control stream.
func (p *peer) say(b ...byte) {
	p.t.Helper()
	_, err := p.control.Write(b)
	p.check(err)
}

// next reads a control frame of the node's.
func (p *peer) next() wire.Frame {
	p.t.Helper()
	p.check(p.control.SetReadDeadline(time.Now().Add(patience)))
	f, err := wire.ReadFrame(p.frames)
	p.check(err)
	return f
}

// send writes a signal.
func (p *peer) send(n *wnode.Node, sig abi.Signal) {
	p.t.Helper()
	_, err := p.signals.Write(wire.AppendSignal(nil, sig, p.id, n.ID()))
	p.check(err)
}

// tell sends a message of the nodes' services.
func (p *peer) tell(n *wnode.Node, message any) {
	p.t.Helper()
	p.send(n, abi.Signal{Kind: abi.SignalNode, From: p.pid(0), To: abi.Pid{Node: n.ID()}, Data: term.MustEncode(message)})
}

// nameMessage is what nodes say about names; more are the fields beside those that are always there.
func nameMessage(op string, more map[any]any) map[any]any {
	m := map[any]any{1: op, 3: abi.Pid{}, 4: abi.Ref{}, 5: abi.Pid{}}
	for k, v := range more {
		m[k] = v
	}
	return map[any]any{1: m}
}

func (p *peer) pid(number uint64) abi.Pid { return abi.Pid{Node: p.id, Num: number} }

// await gives the next signal of the node's that is one of those wanted.
func (p *peer) await(what string, wanted func(abi.Signal) bool) abi.Signal {
	p.t.Helper()
	timeout := time.After(patience)
	for {
		select {
		case sig := <-p.got:
			if wanted(sig) {
				return sig
			}
		case <-timeout:
			p.t.Fatalf("%s: nothing came", what)
		}
	}
}

// settle returns once the node has taken in all that was sent before.
func (p *peer) settle(n *wnode.Node) {
	p.t.Helper()
	ref := abi.Ref{Node: p.id, Num: uint64(time.Now().UnixNano())}
	p.send(n, abi.Signal{Kind: abi.SignalMonitor, From: p.pid(talker), To: abi.Pid{Node: n.ID(), Num: 1 << 62}, Ref: ref})
	p.await("the answer to a monitor", func(sig abi.Signal) bool { return sig.Kind == abi.SignalDown && sig.Ref == ref })
}

// join is link, and the exchange of names: the node lists the peer then.
func (p *peer) join(n *wnode.Node, config *quic.Config) {
	p.t.Helper()
	p.link(n, config)
	p.tell(n, nameMessage("sync", nil))
	p.tell(n, nameMessage("synced", nil)) // else the node gives up after a while
	p.settle(n)
	if got := n.Nodes(); len(got) != 1 || got[0] != p.name {
		p.t.Fatalf("the node lists %v", got)
	}
}

// ended waits until the node has closed the connection, and gives the code.
func (p *peer) ended() quic.ApplicationErrorCode {
	p.t.Helper()
	select {
	case <-p.conn.Context().Done():
	case <-time.After(patience):
		p.t.Fatal("the node keeps the connection")
	}
	closed, ok := context.Cause(p.conn.Context()).(*quic.ApplicationError)
	if !ok || !closed.Remote {
		p.t.Fatalf("the connection ended: %v", context.Cause(p.conn.Context()))
	}
	return closed.ErrorCode
}

// spawn asks the node for a process, with a monitor if there is to be one.
func (p *peer) spawn(n *wnode.Node, fn abi.Function, request, monitor abi.Ref) {
	p.t.Helper()
	data := term.MustEncode(map[any]any{1: fn, 3: p.pid(7), 4: monitor, 7: map[any]any{}})
	p.send(n, abi.Signal{Kind: abi.SignalSpawnRequest, From: p.pid(7), To: abi.Pid{Node: n.ID()}, Ref: request, Data: data})
}
