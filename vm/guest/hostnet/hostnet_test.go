package hostnet

import (
	"context"
	"io"
	"net"
	"testing"
	"time"

	experimentalsys "github.com/tetratelabs/wazero/experimental/sys"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// guest is a guest with a listener.
type guest struct {
	t        *testing.T
	sockets  *Sockets
	tcp      *net.TCPListener
	listener *Listener
	end      context.CancelFunc
	open     int
	number   uint32 // the last that FailAs was given
}

// errEnded is what Alive panics with.
const errEnded = "ended"

func newGuest(t *testing.T) *guest {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := &guest{t: t, tcp: listener.(*net.TCPListener)}
	g.start()
	t.Cleanup(func() {
		g.sockets.Close()
		g.end()
		_ = listener.Close()
		if g.open != 0 {
			t.Errorf("%d connections are still counted", g.open)
		}
	})
	return g
}

// start makes the guest a new one, with the same listener.
func (g *guest) start() {
	ctx, end := context.WithCancel(context.Background())
	g.end = end
	g.sockets = New(Options{
		Context: ctx,
		Away:    func() func() { return func() {} },
		Alive: func() {
			if ctx.Err() != nil {
				panic(errEnded)
			}
		},
		Take:    func() experimentalsys.Errno { g.open++; return 0 },
		Release: func() { g.open-- },
		FailAs: func(number uint32) experimentalsys.Errno {
			g.number = number
			return experimentalsys.EIO
		},
	})
	g.listener = g.sockets.Listen(g.tcp)
}

func (g *guest) dial() *net.TCPConn {
	g.t.Helper()
	conn, err := net.Dial("tcp", g.tcp.Addr().String())
	if err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(func() { _ = conn.Close() })
	return conn.(*net.TCPConn)
}

// connect gives both ends of a connection.
func (g *guest) connect() (*Conn, *net.TCPConn) {
	g.t.Helper()
	client := g.dial()
	conn, errno := g.listener.Accept()
	if errno != 0 {
		g.t.Fatal(errno)
	}
	return conn, client
}

func (g *guest) write(client *net.TCPConn, text string) {
	g.t.Helper()
	if _, err := io.WriteString(client, text); err != nil {
		g.t.Fatal(err)
	}
}

// A read into several buffers waits for the first only, and gives what there is.
func TestRead(t *testing.T) {
	g := newGuest(t)
	conn, client := g.connect()
	g.write(client, "abcd")
	buf := make([]byte, 4)
	if n, errno := conn.Receive(buf, true); n != 4 || errno != 0 {
		t.Fatalf("peek: %d, %v", n, errno)
	}
	g.sockets.BeginRead()
	for i, want := range []string{"ab", "cd", ""} {
		if n, errno := conn.Read(buf[:2]); string(buf[:n]) != want || errno != 0 {
			t.Errorf("buffer %d: %q, %v", i, buf[:n], errno)
		}
	}
	g.sockets.BeginRead()
	if errno := conn.SetNonblock(true); errno != 0 || !conn.IsNonblock() {
		t.Error(errno)
	}
	if _, errno := conn.Read(buf); errno != experimentalsys.EAGAIN {
		t.Errorf("nothing there: %v", errno)
	}
	if err := client.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	g.sockets.Wait(-1, conn.Ready)
	if n, errno := conn.Read(buf); n != 0 || errno != 0 {
		t.Errorf("the end: %d, %v", n, errno)
	}
	if n, errno := conn.Read(nil); n != 0 || errno != 0 {
		t.Errorf("nothing wanted: %d, %v", n, errno)
	}
}

// Peers that go away are errors that programs know.
func TestLostPeer(t *testing.T) {
	g := newGuest(t)
	conn, client := g.connect()
	if err := client.SetLinger(0); err != nil { // close is a reset
		t.Fatal(err)
	}
	_ = client.Close()
	if _, errno := conn.Receive(make([]byte, 1), false); errno != experimentalsys.EIO || g.number != wasiReset {
		t.Errorf("receive: %v, number %d", errno, g.number)
	}
	var errno experimentalsys.Errno
	for errno == 0 {
		_, errno = conn.Write(make([]byte, 1<<10))
	}
	if g.number != wasiBroken && g.number != wasiReset {
		t.Errorf("write: %v, number %d", errno, g.number)
	}
	if errno := conn.Shutdown(true, true); errno != experimentalsys.EIO {
		t.Errorf("shutdown: %v", errno)
	}
}

// A guest that has ended leaves the listener to the next one, and its connections are closed.
func TestClose(t *testing.T) {
	g := newGuest(t)
	conn, client := g.connect()
	waiting := g.dial()
	g.sockets.Wait(-1, g.listener.Ready)
	g.sockets.Close()
	for _, c := range []*net.TCPConn{client, waiting} {
		if n, err := c.Read(make([]byte, 1)); n != 0 || err == nil {
			t.Errorf("the connection is still there: %d, %v", n, err)
		}
	}
	_, receive := conn.Receive(make([]byte, 1), false)
	_, write := conn.Write([]byte("x"))
	_, accept := g.listener.Accept()
	for i, errno := range []experimentalsys.Errno{receive, write, accept, conn.Close(), g.listener.Close(), conn.Shutdown(true, false)} {
		if errno != experimentalsys.EBADF {
			t.Errorf("closed %d: %v", i, errno)
		}
	}
	g.end()
	g.start()
	g.connect()
}

// A listener that its owner closes gives an error, and not nothing for ever.
func TestListenerClosedByOwner(t *testing.T) {
	g := newGuest(t)
	_ = g.tcp.Close()
	if _, errno := g.listener.Accept(); errno != experimentalsys.EIO {
		t.Error(errno)
	}
}

// W-07: whatever a guest waits for, its end comes first.
func TestEnd(t *testing.T) {
	for name, wait := range map[string]func(*guest, *Conn){
		"accept":  func(g *guest, _ *Conn) { g.listener.Accept() },
		"receive": func(_ *guest, c *Conn) { c.Receive(make([]byte, 1), false) },
		"write": func(_ *guest, c *Conn) {
			for {
				c.Write(make([]byte, 1<<20))
			}
		},
		"wait": func(g *guest, _ *Conn) { g.sockets.Wait(time.Hour, func() bool { return false }) },
	} {
		t.Run(name, func(t *testing.T) {
			g := newGuest(t)
			conn, _ := g.connect()
			ended := make(chan any)
			go func() {
				defer func() { ended <- recover() }()
				wait(g, conn)
			}()
			g.end()
			if got := <-ended; got != errEnded {
				t.Errorf("it ended with %v", got)
			}
		})
	}
}
