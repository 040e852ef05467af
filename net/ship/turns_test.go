package ship

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/wnode/wnode/abi"
)

// asked asks a server and gives the stream, and what becomes of it there.
func asked(t *testing.T, v *Server, from abi.NodeID, q request, form Form) (net.Conn, <-chan error, error) {
	near, far := net.Pipe()
	t.Cleanup(func() { _ = near.Close() })
	ended := make(chan error, 1)
	go func() { ended <- v.Serve(t.Context(), far, from, form) }()
	_, err := near.Write(q.append(nil, form))
	return near, ended, err
}

// requested is asked, and fails the test if that cannot be.
func requested(t *testing.T, v *Server, from abi.NodeID, q request, form Form) (net.Conn, <-chan error) {
	t.Helper()
	s, ended, err := asked(t, v, from, q, form)
	if err != nil {
		t.Fatal(err)
	}
	return s, ended
}

func wantStatus(t *testing.T, s io.Reader, form Form, want status) answer {
	t.Helper()
	a, err := readAnswer(s, form)
	if err != nil || a.status != want {
		t.Fatalf("status %d, %v, want %d", a.status, err, want)
	}
	return a
}

// servedModules are a few modules of 1 MiB.
var servedModules = sync.OnceValue(func() (modules [][]byte) {
	for i := range 12 {
		modules = append(modules, binary.LittleEndian.AppendUint32(noise(1<<20), uint32(i)))
	}
	return modules
})

// serving runs a test with a server of a few modules, and nothing left of it.
func serving(t *testing.T, test func(t *testing.T, v *Server, modules []request)) {
	shelf := newShelf(servedModules()...)
	var requests []request
	for _, m := range servedModules() {
		requests = append(requests, request{hash: hashOf(m), limit: 1 << 30})
	}
	synctest.Test(t, func(t *testing.T) { test(t, NewServer(shelf, ServerOptions{}), requests) })
}

// Who leaves the line makes room in it.
func TestLeavingTheLine(t *testing.T) {
	serving(t, func(t *testing.T, v *Server, modules []request) {
		var lines []net.Conn
		for i := range maxModuleTransfers + maxModuleWaiting {
			s, _ := requested(t, v, abi.NodeID(10+i), modules[0], FormMaps)
			want := statusOK
			if i >= maxModuleTransfers {
				want = statusWait
			}
			wantStatus(t, s, FormMaps, want)
			lines = append(lines, s)
		}
		s, _ := requested(t, v, 66, modules[0], FormMaps)
		a := wantStatus(t, s, FormMaps, statusBusy)
		if len(a.nodes) != len(lines) || a.nodes[0] != abi.NodeID(10+maxModuleTransfers) {
			t.Errorf("the others are %v", a.nodes)
		}
		_ = lines[maxModuleTransfers].Close() // one that waits
		_ = lines[0].Close()                  // one that is served
		time.Sleep(2 * waitPeriod)
		s, _ = requested(t, v, 66, modules[0], FormMaps)
		wantStatus(t, s, FormMaps, statusWait)
	})
}

// A server that ends lets nobody wait.
func TestServerEndsWaiting(t *testing.T) {
	serving(t, func(t *testing.T, v *Server, modules []request) {
		for i := range maxModuleTransfers {
			requested(t, v, abi.NodeID(10+i), modules[0], FormMaps)
		}
		synctest.Wait()
		ctx, cancel := context.WithCancelCause(t.Context())
		near, far := net.Pipe()
		defer near.Close()
		var wg sync.WaitGroup
		wg.Go(func() {
			if err := v.Serve(ctx, far, 66, FormMaps); !errors.Is(err, errStop) {
				t.Errorf("%v", err)
			}
		})
		if _, err := near.Write(modules[0].append(nil, FormMaps)); err != nil {
			t.Fatal(err)
		}
		wantStatus(t, near, FormMaps, statusWait)
		cancel(errStop)
		wg.Wait()
		if len(v.turns.waiting) != 0 {
			t.Error("it still waits")
		}
	})
}

// The nodes that have taken a module are remembered, the last ones first, for a bounded number of modules.
func TestTakersAreBounded(t *testing.T) {
	var ts turns
	ts.init(ServerOptions{})
	for i := range 3 * MaxNodes {
		ts.release(&turn{hash: abi.Hash{1}, to: abi.NodeID(100 + i%(2*MaxNodes)), form: FormMaps}, true)
	}
	others := ts.others(&turn{hash: abi.Hash{1}, to: 100 + MaxNodes - 1})
	if len(others) != MaxNodes-1 || others[0] != 100+MaxNodes-2 {
		t.Errorf("the others are %v", others)
	}
	for i := range 2 * maxRemembered {
		ts.release(&turn{hash: abi.Hash{2, byte(i)}, to: 7, form: FormMaps}, true)
	}
	if len(ts.takers) != maxRemembered || len(ts.others(&turn{hash: abi.Hash{1}})) != 0 {
		t.Errorf("%d modules are remembered", len(ts.takers))
	}
}

// A node that sends too slowly is given up where others may be quicker, and one that says for ever that it will.
func TestSlowSender(t *testing.T) {
	m := noise(1 << 20)
	slow := func(t *testing.T, o FetchOptions, first answer, pieces []byte) error {
		near, far := net.Pipe()
		var wg sync.WaitGroup
		defer wg.Wait()
		defer far.Close()
		wg.Go(func() {
			if _, err := readRequest(far, FormMaps); err != nil {
				t.Error(err)
			}
			_, err := far.Write(first.append(nil, FormMaps))
			for rest := pieces; err == nil; rest = rest[min(len(rest), 1000):] {
				time.Sleep(4 * time.Second)
				if first.status == statusWait {
					_, err = far.Write(first.append(nil, FormMaps))
				} else {
					_, err = far.Write(rest[:min(len(rest), 1000)])
				}
			}
		})
		o.Form = FormMaps
		k := &basket{t: t}
		_, err := Fetch(t.Context(), near, hashOf(m), k, o)
		k.checkEnded(err)
		return err
	}
	body := stream(t, m[:80_000], zstd.WithWindowSize(1<<20))
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		if err := slow(t, FetchOptions{Hurry: true}, answer{status: statusOK, size: 1 << 20}, body); !errors.Is(err, ErrSlow) {
			t.Errorf("%v", err)
		}
		if took := time.Since(begun); took < paceTime || took > 10*paceTime {
			t.Errorf("after %v", took)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		if err := slow(t, FetchOptions{MaxWait: time.Minute}, answer{status: statusWait}, nil); !errors.Is(err, ErrBusy) {
			t.Errorf("%v", err)
		}
	})
}

// A transfer can begin at any byte.
func TestTransferFromOffset(t *testing.T) {
	m := code(300_000)
	v := NewServer(newShelf(m), ServerOptions{})
	for _, have := range []int{0, 1, 131_071, 131_072, 299_999, 300_000} {
		k := &basket{t: t}
		k.content.Write(m[:have])
		fetchErr, serveErr := transfer(t, v, hashOf(m), k, FetchOptions{Form: FormMaps})
		if fetchErr != nil || serveErr != nil || !k.committed {
			t.Errorf("from %d: %v, %v", have, fetchErr, serveErr)
		}
	}
}

// What is no request or no answer of maps ends the transfer, and nothing is believed of it.
func TestHostileMaps(t *testing.T) {
	m := code(3000)
	long := make([]abi.NodeID, MaxNodes+1)
	for name, in := range map[string][]byte{
		"too long":        binary.LittleEndian.AppendUint16(nil, MaxMessageBytes+1),
		"empty":           {0, 0},
		"null":            {1, 0, 0xf6},
		"an array":        {2, 0, 0x81, 1},
		"no CBOR":         {1, 0, 0xff},
		"another offset":  answer{status: statusOK, size: 3000, offset: 5}.append(nil, FormMaps),
		"behind its end":  appendMap(nil, answerMap{Size: 5, Offset: 6}),
		"many nodes":      answer{status: statusBusy, nodes: long}.append(nil, FormMaps),
		"unknown status":  answer{status: 99}.append(nil, FormMaps),
		"a short request": appendMap(nil, requestMap{Hash: []byte{1, 2}}),
	} {
		k := &basket{t: t}
		_, err := Fetch(t.Context(), &script{in: bytes.NewReader(in)}, hashOf(m), k, FetchOptions{Form: FormMaps})
		if err == nil || k.committed {
			t.Errorf("%s: an answer", name)
		}
		k.checkEnded(err)
		s := &script{in: bytes.NewReader(in)}
		if err := NewServer(newShelf(m), ServerOptions{}).Serve(t.Context(), s, 2, FormMaps); err == nil {
			t.Errorf("%s: a request", name)
		}
	}
}

func FuzzFetchMaps(f *testing.F) {
	m := code(3000)
	ok := answer{status: statusOK, size: 3000, offset: 1000}.append(nil, FormMaps)
	f.Add(append(ok, compress(f, m[1000:])...))
	f.Add(append(answer{status: statusWait}.append(nil, FormMaps), append(ok, stream(f, m[1000:])...)...))
	f.Add(append(answer{status: statusOK, size: 3000}.append(nil, FormMaps), compress(f, m)...))
	f.Add(answer{status: statusBusy, nodes: []abi.NodeID{1, 2, 3}}.append(nil, FormMaps))
	f.Fuzz(func(t *testing.T, b []byte) {
		k := &basket{t: t}
		k.content.Write(m[:1000])
		_, err := Fetch(t.Context(), &script{in: bytes.NewReader(b)}, hashOf(m), k, FetchOptions{Form: FormMaps, MaxModuleBytes: 1 << 16})
		if (err == nil) != k.committed {
			t.Fatalf("committed %v, %v", k.committed, err)
		}
		if err != nil {
			k.checkEnded(err)
		}
	})
}

func FuzzServeMaps(f *testing.F) {
	m := code(3000)
	f.Add(request{hash: hashOf(m), limit: 1 << 20, offset: 500}.append(nil, FormMaps))
	f.Add(request{hash: hashOf(m), limit: 1 << 20, offset: 1<<64 - 1}.append(nil, FormMaps))
	f.Add(request{hash: hashOf(m), ask: true}.append(nil, FormMaps))
	f.Fuzz(func(t *testing.T, b []byte) {
		s := &abortable{script: script{in: bytes.NewReader(b)}}
		src := newShelf(m)
		v := NewServer(src, ServerOptions{})
		_ = v.Serve(t.Context(), s, 2, FormMaps) // whatever it is
		if src.open != 0 || s.closed+s.aborted != 1 || len(v.turns.sending)+len(v.turns.waiting) != 0 {
			t.Fatalf("%d readers left open, stream closed %d times, aborted %d times", src.open, s.closed, s.aborted)
		}
	})
}
