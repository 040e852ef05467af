package link

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/testutils/simnet"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/cookie"
	"github.com/wnode/wnode/net/wire"
)

const (
	latency    = 10 * time.Millisecond // each way
	testCookie = "chocolate"
)

// network is a simulated one, on synctest's clock. It can be cut, and packets can be changed on their way.
type network struct {
	simnet.PerfectRouter
	t       *testing.T
	cut     atomic.Bool
	rewrite atomic.Pointer[func(*simnet.Packet)]
	faults  atomic.Pointer[faults]
	hosts   byte
}

func (n *network) SendPacket(p simnet.Packet) error {
	if n.cut.Load() {
		return nil
	}
	if rewrite := n.rewrite.Load(); rewrite != nil {
		(*rewrite)(&p)
	}
	if f := n.faults.Load(); f != nil {
		return f.send(p, n.PerfectRouter.SendPacket)
	}
	return n.PerfectRouter.SendPacket(p)
}

// simulate runs a test on a network of its own.
func simulate(t *testing.T, test func(t *testing.T, n *network)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		test(t, &network{t: t})
	})
}

// socket gives a host of its own its socket.
func (n *network) socket() net.PacketConn {
	n.hosts++
	return n.socketAt(&net.UDPAddr{IP: net.IPv4(10, 0, 0, n.hosts), Port: 7369})
}

// socketAt gives a host its socket, in place of one that it has closed.
func (n *network) socketAt(addr net.Addr) net.PacketConn {
	n.t.Helper()
	// Every host has a network of its own, as the latency and the start are the network's.
	j := &joining{network: n}
	sim := &simnet.Simnet{Router: j}
	conn := sim.NewEndpoint(addr.(*net.UDPAddr), simnet.NodeBiDiLinkSettings{Latency: latency})
	if err := sim.Start(); err != nil {
		n.t.Fatal(err)
	}
	n.AddNode(addr, j.receiver)
	n.t.Cleanup(func() { _ = sim.Close() })
	return conn
}

// joining keeps packets from a host until it has started.
type joining struct {
	*network
	receiver simnet.PacketReceiver
}

func (j *joining) AddNode(_ net.Addr, receiver simnet.PacketReceiver) { j.receiver = receiver }

// node is an endpoint of which a test takes the offers.
type node struct {
	*Endpoint
	t          *testing.T
	name       string
	id         abi.NodeID
	offers     chan *Offer
	disallowed chan string
}

type nodeOption func(*Options)

// node starts a node with the test's cookie.
func (n *network) node(name string, options ...nodeOption) *node {
	return openNode(n.t, n.socket(), name, testCookie, options...)
}

func openNode(t testing.TB, conn net.PacketConn, name, cookieText string, options ...nodeOption) *node {
	t.Helper()
	nd := &node{
		name: name, id: abi.NewNodeID(),
		offers: make(chan *Offer, 256), disallowed: make(chan string, 256),
	}
	nd.t, _ = t.(*testing.T)
	opts := Options{
		Conn: conn, Auth: authenticator(t, name, cookieText), Hello: helloOf(nd.id, name),
		Incoming:   func(_ context.Context, o *Offer) { nd.offers <- o },
		Disallowed: func(name string, _ net.Addr) { nd.disallowed <- name },
	}
	for _, option := range options {
		option(&opts)
	}
	var err error
	if nd.Endpoint, err = Open(opts); err != nil {
		t.Fatal(err)
	}
	nd.Endpoint.Serve()
	t.Cleanup(func() {
		if err := nd.Endpoint.Close(); err != nil {
			t.Errorf("close %s: %v", name, err)
		}
		if now := nd.attempts.now.Load(); now != 0 {
			t.Errorf("%s counts %d attempts after its end", name, now)
		}
	})
	return nd
}

func helloOf(id abi.NodeID, name string) wire.Hello {
	return wire.Hello{
		MinVersion: 1, MaxVersion: 1, Node: id, Name: name, Port: 7369,
		Features: []string{wire.FeatureLanes}, MaxSignalBytes: wire.DefaultMaxSignalBytes,
	}
}

func authenticator(t testing.TB, name string, cookies ...string) *cookie.Authenticator {
	t.Helper()
	var secrets []cookie.Secret
	for _, text := range cookies {
		secret, err := cookie.NewSecret(text)
		if err != nil {
			t.Fatal(err)
		}
		secrets = append(secrets, secret)
	}
	a, err := cookie.NewAuthenticator(cookie.Config{Name: name, Cookies: func(string) []cookie.Secret { return secrets }})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// dial calls another node, which answers as it likes.
func (nd *node) dial(to *node) (*Link, error) {
	return nd.Dial(context.Background(), to.Addr(), to.name)
}

// running is one end of a link that runs.
type running struct {
	*Link
	*recorder
	ended chan error // what Run returned
}

func run(l *Link) *running {
	r := &running{Link: l, recorder: newRecorder(), ended: make(chan error, 1)}
	go func() { r.ended <- l.Run(r.recorder) }()
	return r
}

// join links two nodes; neither end runs yet.
func join(t testing.TB, a, b *node) (atA, atB *Link) {
	t.Helper()
	type dialled struct {
		l   *Link
		err error
	}
	done := make(chan dialled, 1)
	go func() {
		l, err := a.dial(b)
		done <- dialled{l, err}
	}()
	atB, err := take(t, b.offers).Accept(context.Background())
	if err != nil {
		t.Fatalf("accept: %v", err)
	}
	d := take(t, done)
	if d.err != nil {
		t.Fatalf("dial: %v", d.err)
	}
	return d.l, atB
}

// connect links two nodes and runs both ends.
func connect(t testing.TB, a, b *node) (atA, atB *running) {
	t.Helper()
	la, lb := join(t, a, b)
	return run(la), run(lb)
}

// recorder is a handler that keeps what it is given.
type recorder struct {
	got     chan abi.Signal
	hold    chan struct{} // when not nil, signals are taken in once it is closed
	modules chan io.ReadWriteCloser
}

func newRecorder() *recorder {
	return &recorder{got: make(chan abi.Signal, 1<<16), modules: make(chan io.ReadWriteCloser, 64)}
}

func (r *recorder) Signal(sig abi.Signal) {
	if r.hold != nil {
		<-r.hold
	}
	r.got <- sig
}

func (r *recorder) ModuleStream(s io.ReadWriteCloser)   { r.modules <- s }
func (r *recorder) TransferStream(s io.ReadWriteCloser) { r.modules <- s }

// take receives, and fails the test when nothing comes.
func take[T any](t testing.TB, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(time.Minute):
		t.Fatal("nothing came")
		panic("not reached")
	}
}

// message is a signal from a process of one node to one of another, with a number.
func message(from, to *node, number byte, size int) abi.Signal {
	data := make([]byte, size)
	data[0] = number
	return abi.Signal{
		Kind: abi.SignalMessage, Data: data,
		From: abi.Pid{Node: from.id, Num: 7}, To: abi.Pid{Node: to.id, Num: 8},
	}
}

// stranger speaks QUIC to a node without the rules of this package.
type stranger struct {
	t         testing.TB
	transport *quic.Transport
	id        abi.NodeID
	name      string
	auth      *cookie.Authenticator
}

func (n *network) stranger(name string) *stranger {
	s := &stranger{
		t: n.t, transport: &quic.Transport{Conn: n.socket()}, id: abi.NewNodeID(), name: name,
		auth: authenticator(n.t, name, testCookie),
	}
	n.t.Cleanup(func() {
		_ = s.transport.Close()
		_ = s.transport.Conn.Close()
	})
	return s
}

// call proves the cookie to a node.
func (s *stranger) call(to *node, config *quic.Config) *quic.Conn {
	s.t.Helper()
	configs, err := s.auth.DialConfigs(to.name)
	if err != nil {
		s.t.Fatal(err)
	}
	conn, err := s.dial(to, configs[0], config)
	if err != nil {
		s.t.Fatal(err)
	}
	return conn
}

func (s *stranger) dial(to *node, tlsConfig *tls.Config, config *quic.Config) (*quic.Conn, error) {
	return s.transport.Dial(context.Background(), to.Addr(), tlsConfig, config)
}

// open opens a bidirectional stream with these first bytes.
func open(t testing.TB, conn *quic.Conn, first ...byte) *quic.Stream {
	t.Helper()
	s, err := conn.OpenStreamSync(context.Background())
	if err == nil {
		_, err = s.Write(first)
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func openUni(t testing.TB, conn *quic.Conn, first ...byte) *quic.SendStream {
	t.Helper()
	s, err := conn.OpenUniStreamSync(context.Background())
	if err == nil {
		_, err = s.Write(first)
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// frames encodes control frames.
func frames(t testing.TB, list ...wire.Frame) []byte {
	t.Helper()
	var b []byte
	var err error
	for _, f := range list {
		if b, err = wire.AppendFrame(b, f); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

func kind(k wire.StreamKind, b ...byte) []byte { return append([]byte{byte(k)}, b...) }
