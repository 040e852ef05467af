package peers

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/quic-go/quic-go"

	"github.com/wnode/wnode"
	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
	"github.com/wnode/wnode/internal/nodetest"
	"github.com/wnode/wnode/net/wire"
)

// What a later version may say beside what this one knows.
const (
	laterFrame  = wire.Skippable | 0x20
	laterKind   = abi.SignalKind(200)
	laterUni    = wire.StreamKind(40)
	laterBidi   = wire.StreamKind(41)
	laterOption = 99
)

// laterHello speaks versions up to the next one, and has keys and features that this one does not know.
func (p *peer) laterHello() map[any]any {
	h := p.hello()
	h[2], h[7] = wire.Version+1, []string{"later"}
	h[50], h[51], h[-1] = "new", map[any]any{1: []any{nil, 2.5}}, true
	return h
}

// receiver starts a process that hands its messages on.
func receiver(t *testing.T, n *wnode.Node) (abi.Pid, <-chan string) {
	t.Helper()
	got := make(chan string, 16)
	pid, err := n.Spawn("receiver", abi.Pid{}, func(p *wnode.Process) wnode.Exit {
		for {
			m, err := p.Receive(p.Context(), wnode.Infinity)
			if err != nil {
				return wnode.Normal
			}
			text, _ := term.Decode(m.Data)
			got <- fmt.Sprint(text)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return pid, got
}

// A peer of the next version calls: all that the two know works, and the rest is passed over or refused.
func TestLaterCaller(t *testing.T) {
	n, logs := startNode(t, "one@127.0.0.1")
	pid, got := receiver(t, n)
	p := newPeer(t, "later@127.0.0.1")
	p.call(n, nil, append(frame(laterFrame, "x"), frame(wire.TypeHello, p.laterHello())...)...)
	if _, ok := p.next().(wire.Hello); !ok {
		t.Fatal("the node says no hello")
	}
	p.say(frame(wire.TypeReady, map[any]any{9: 1})...)
	p.openSignals(n.ID())
	p.tell(n, nameMessage("sync", map[any]any{50: "new"}))
	p.settle(n)
	if got := n.Nodes(); len(got) != 1 {
		t.Fatalf("the node lists %v", got)
	}
	p.sayLater(n, pid)
	p.send(n, abi.Signal{Kind: abi.SignalMessage, From: p.pid(7), To: pid, Data: term.MustEncode("still here")})
	if text := <-got; text != "still here" {
		t.Errorf("the process got %s", text)
	}
	p.say(frame(wire.TypePing, map[any]any{1: 7, 50: "new"})...)
	if f := p.next(); f != (wire.Pong{Token: 7}) {
		t.Errorf("the answer to a ping is %#v", f)
	}
	if lines := logs.lines(""); len(lines) != 0 {
		t.Errorf("the log has %q", lines)
	}
	p.leave()
}

// sayLater says what this version knows nothing of.
func (p *peer) sayLater(n *wnode.Node, pid abi.Pid) {
	p.t.Helper()
	p.say(frame(laterFrame, map[any]any{1: 1})...)
	p.tell(n, map[any]any{50: "of another service"})
	p.tell(n, nameMessage("an operation", nil))
	for _, to := range []abi.Signal{{To: pid}, {To: abi.Pid{Node: n.ID()}}, {To: abi.Pid{Node: n.ID()}, Name: "nobody"}} {
		to.Kind, to.From, to.Data = laterKind, p.pid(7), []byte{0xff}
		p.send(n, to)
	}
	p.refusedStreams()
	p.tell(n, nameMessage("a question", map[any]any{5: p.pid(77)}))
	answer := p.await("the answer to a question", func(sig abi.Signal) bool { return sig.To == p.pid(77) })
	if string(answer.Data) != string(term.MustEncode(int32(abi.ErrNotSupported))) {
		p.t.Errorf("an unknown question is answered %x", answer.Data)
	}
	request := map[any]any{1: abi.Function{Name: "f"}, 3: p.pid(7), 4: abi.Ref{}, 7: map[any]any{}, laterOption: true}
	p.send(n, abi.Signal{
		Kind: abi.SignalSpawnRequest, From: p.pid(7), To: abi.Pid{Node: n.ID()},
		Ref: abi.Ref{Node: p.id, Num: 5}, Data: term.MustEncode(request),
	})
	answer = p.await("the answer to a spawn", func(sig abi.Signal) bool { return sig.Kind == abi.SignalSpawnReply })
	if string(answer.Data) != string(term.MustEncode([]any{"error", int32(abi.ErrNotSupported)})) {
		p.t.Errorf("a spawn with an unknown option is answered %x", answer.Data)
	}
}

// refusedStreams opens streams of unknown kinds, which the node resets.
func (p *peer) refusedStreams() {
	p.t.Helper()
	uni, err := p.conn.OpenUniStream()
	p.check(err)
	_, err = uni.Write([]byte{byte(laterUni), 1, 2, 3})
	p.check(err)
	bidi, err := p.conn.OpenStream()
	p.check(err)
	_, err = bidi.Write([]byte{byte(laterBidi), 1, 2, 3})
	p.check(err)
	if _, err := bidi.Read(make([]byte, 1)); err == nil || err == io.EOF {
		p.t.Errorf("a stream of an unknown kind gives %v", err)
	}
	<-uni.Context().Done()
}

// leave ends the link in good order.
func (p *peer) leave() {
	p.t.Helper()
	p.check(p.signals.Close())
	p.say(frame(wire.TypeGoodbye, map[any]any{1: "later", 50: "new"})...)
	if f := p.next(); f.Type() != wire.TypeGoodbye {
		p.t.Errorf("goodbye is answered %#v", f)
	}
	p.check(p.control.Close())
	if code := p.ended(); code != 0 {
		p.t.Errorf("the link ends with code %d", code)
	}
}

// A frame that the next version may not send to this one ends the link, with a line that says so.
func TestUnknownFrame(t *testing.T) {
	n, logs := startNode(t, "one@127.0.0.1")
	p := newPeer(t, "later@127.0.0.1")
	p.join(n, nil)
	p.say(frame(0x20, map[any]any{})...)
	if code := p.ended(); code != 2 {
		t.Errorf("the link ends with code %d", code)
	}
	wantLine(t, logs, "broke the protocol", "later@127.0.0.1", "unknown frame type")
}

// wantLine waits for the one line of a log with a text, in which the others are too.
func wantLine(t *testing.T, logs *buffer, text string, others ...string) {
	t.Helper()
	nodetest.Eventually(t, "a line with "+text, func() bool { return len(logs.lines(text)) > 0 })
	lines := logs.lines(text)
	for _, other := range others {
		if len(lines) != 1 || !strings.Contains(lines[0], other) {
			t.Errorf("the log has %q, want one line with %q", lines, other)
		}
	}
}

// Peers that speak later versions only are refused, and so are their calls; both sides can say why.
func TestNoCommonVersion(t *testing.T) {
	n, logs := startNode(t, "one@127.0.0.1")
	p := newPeer(t, "later@127.0.0.1")
	hello := p.laterHello()
	hello[1], hello[2] = 2, 3
	p.call(n, nil, frame(wire.TypeHello, hello)...)
	f, ok := p.next().(wire.Refuse)
	if !ok || f.Code != wire.RefuseVersion || !strings.Contains(f.Text, "later@127.0.0.1 2 to 3") {
		t.Errorf("the node answers %#v", f)
	}
	p.check(p.conn.CloseWithError(0, ""))
	wantLine(t, logs, "does not speak the protocol", "later@127.0.0.1", "no protocol version in common")
}

// callee answers one call with these bytes on the control stream, once it has the caller's hello.
func (p *peer) callee(answer []byte) (name string) {
	p.t.Helper()
	listener, err := p.transport.Listen(p.auth.ListenConfig(), nil)
	p.check(err)
	go func() {
		defer listener.Close()
		conn, err := listener.Accept(p.t.Context())
		if err != nil {
			return
		}
		if s, err := conn.AcceptStream(p.t.Context()); err == nil {
			answerCall(conn, s, answer)
		}
		<-conn.Context().Done()
	}()
	return p.name + p.transport.Conn.LocalAddr().String()[len("127.0.0.1"):]
}

// answerCall says its part once the caller has said hello.
func answerCall(conn *quic.Conn, s *quic.Stream, answer []byte) {
	if _, err := wire.ReadStreamKind(s); err != nil {
		return
	}
	frames := bufio.NewReader(s)
	if _, err := wire.ReadFrame(frames); err != nil {
		return
	}
	if _, err := s.Write(answer); err != nil {
		return
	}
	if f, err := wire.ReadFrame(frames); err == nil && f.Type() == wire.TypeRefuse {
		_ = conn.CloseWithError(0, "") // who was refused hangs up
	}
}

// What a node that calls a later one says to who asked, in one line.
func TestLaterCallee(t *testing.T) {
	later := func(p *peer) map[any]any {
		h := p.laterHello()
		h[1], h[2] = 2, 3
		return h
	}
	for name, c := range map[string]struct {
		answer func(*peer) []byte
		want   string
	}{
		"later versions only": {func(p *peer) []byte { return frame(wire.TypeHello, later(p)) }, "run the same version of wnode on both"},
		"refused for that": {func(*peer) []byte {
			return frame(wire.TypeRefuse, map[any]any{1: int(wire.RefuseVersion), 2: "text", 50: 1})
		}, "run the same version of wnode on both"},
		"an unknown code":  {func(*peer) []byte { return frame(wire.TypeRefuse, map[any]any{1: 500, 2: "why"}) }, `code 500 ("why")`},
		"an unknown frame": {func(*peer) []byte { return frame(0x20, map[any]any{}) }, "no node that this one understands"},
	} {
		t.Run(name, func(t *testing.T) {
			n, _ := startNode(t, "one@127.0.0.1")
			p := newPeer(t, "later@127.0.0.1")
			err := n.Connect(t.Context(), p.callee(c.answer(p)))
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("connect: %v, want %q", err, c.want)
			}
		})
	}
}
