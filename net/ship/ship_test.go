package ship

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/wnode/wnode/abi"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func hashOf(b []byte) abi.Hash { return sha256.Sum256(b) }

// shelf is a Source of the modules in it, and counts its open readers.
type shelf struct {
	mu      sync.Mutex
	modules map[abi.Hash][]byte
	open    int
	err     error // what Open fails with
	extra   int64 // what Open adds to the size
}

func newShelf(modules ...[]byte) *shelf {
	s := &shelf{modules: map[abi.Hash][]byte{}}
	for _, m := range modules {
		s.modules[hashOf(m)] = m
	}
	return s
}

func (s *shelf) Open(hash abi.Hash) (io.ReadCloser, int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, ok := s.modules[hash]
	if s.err != nil {
		return nil, 0, s.err
	}
	if !ok {
		return nil, 0, fmt.Errorf("shelf: %w", abi.ErrNoModule)
	}
	s.open++
	return &shelved{bytes.NewReader(m), s}, int64(len(m)) + s.extra, nil
}

type shelved struct {
	io.Reader
	shelf *shelf
}

func (s *shelved) Close() error {
	s.shelf.mu.Lock()
	defer s.shelf.mu.Unlock()
	s.shelf.open--
	return nil
}

// basket is a Sink for one module that checks the rules of Writer.
type basket struct {
	t         testing.TB
	hash      abi.Hash
	size      int64
	content   bytes.Buffer
	created   bool
	committed bool
	aborted   bool
	createErr error
	writeErr  error
	commitErr error
}

func (k *basket) Create(hash abi.Hash, size int64) (Writer, error) {
	if k.created {
		k.t.Error("created twice")
	}
	if k.createErr != nil {
		return nil, k.createErr
	}
	k.created, k.hash, k.size = true, hash, size
	return k, nil
}

func (k *basket) Write(p []byte) (int, error) {
	if k.committed || k.aborted || int64(k.content.Len()+len(p)) > k.size {
		k.t.Errorf("write of %d bytes after %d of %d", len(p), k.content.Len(), k.size)
	}
	if k.writeErr != nil {
		return 0, k.writeErr
	}
	return k.content.Write(p)
}

func (k *basket) Commit() error {
	if k.committed || k.aborted || hashOf(k.content.Bytes()) != k.hash || int64(k.content.Len()) != k.size {
		k.t.Error("commit of what is not the module")
	}
	k.committed = true
	return k.commitErr
}

func (k *basket) Abort() {
	if k.committed || k.aborted {
		k.t.Error("abort after commit or abort")
	}
	k.aborted = true
}

// checkAborted is for a failed fetch.
func (k *basket) checkAborted() {
	k.t.Helper()
	if k.committed || k.created != k.aborted {
		k.t.Errorf("created %v, committed %v, aborted %v", k.created, k.committed, k.aborted)
	}
}

// transfer runs both sides over a pipe.
func transfer(t testing.TB, v *Server, hash abi.Hash, sink Sink, o FetchOptions) (fetchErr, serveErr error) {
	t.Helper()
	a, b := net.Pipe()
	var wg sync.WaitGroup
	wg.Go(func() { serveErr = v.Serve(t.Context(), b) })
	fetchErr = Fetch(t.Context(), a, hash, sink, o)
	wg.Wait()
	for _, c := range []net.Conn{a, b} {
		if _, err := c.Write([]byte{0}); !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("stream left open: %v", err)
		}
	}
	return fetchErr, serveErr
}

// noise does not compress; code does.
func noise(n int) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{byte(n)})
	r.Read(b)
	return b
}

func code(n int) []byte {
	var b bytes.Buffer
	for i := 0; b.Len() < n; i++ {
		fmt.Fprintf(&b, "(func $f%d (param i32) local.get %d)", i, i%7)
	}
	return b.Bytes()[:n]
}

func TestTransfer(t *testing.T) {
	modules := map[string][]byte{
		"empty": {}, "one byte": {7}, "chunk": noise(chunkBytes), "chunk and one": noise(chunkBytes + 1),
		"code": code(3 << 20), "noise": noise(1 << 20),
	}
	v := NewServer(newShelf(), ServerOptions{})
	for name, m := range modules {
		v.source.(*shelf).modules[hashOf(m)] = m
		t.Run(name, func(t *testing.T) {
			k := &basket{t: t}
			last := int64(-1)
			o := FetchOptions{Progress: func(done, total int64) {
				if done <= last || total != int64(len(m)) {
					t.Errorf("progress %d of %d after %d", done, total, last)
				}
				last = done
			}}
			fetchErr, serveErr := transfer(t, v, hashOf(m), SinkFunc(k.Create), o)
			if fetchErr != nil || serveErr != nil {
				t.Fatal(fetchErr, serveErr)
			}
			if !k.committed || !bytes.Equal(k.content.Bytes(), m) || len(m) > 0 && last != int64(len(m)) {
				t.Errorf("committed %v, %d of %d bytes, progress %d", k.committed, k.content.Len(), len(m), last)
			}
		})
	}
	if open := v.source.(*shelf).open; open != 0 {
		t.Errorf("%d readers left open", open)
	}
}

func TestTransferAnything(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m := bytes.Repeat(rapid.SliceOf(rapid.Byte()).Draw(rt, "module"), rapid.IntRange(0, 3000).Draw(rt, "times"))
		k := &basket{t: t}
		fetchErr, serveErr := transfer(t, NewServer(newShelf(m), ServerOptions{}), hashOf(m), k, FetchOptions{})
		if fetchErr != nil || serveErr != nil || !bytes.Equal(k.content.Bytes(), m) {
			rt.Fatal(fetchErr, serveErr)
		}
	})
}

func TestTransferRefused(t *testing.T) {
	m := code(1000)
	broken := errors.New("disk broken")
	for name, c := range map[string]struct {
		source *shelf
		server ServerOptions
		fetch  FetchOptions
		want   error
		serve  error
	}{
		"not found":     {newShelf(), ServerOptions{}, FetchOptions{}, ErrNotFound, nil},
		"abi number":    {newShelf(), ServerOptions{}, FetchOptions{}, abi.ErrNoModule, nil},
		"server limit":  {newShelf(m), ServerOptions{MaxModuleBytes: 999}, FetchOptions{}, ErrTooLarge, nil},
		"own limit":     {newShelf(m), ServerOptions{}, FetchOptions{MaxModuleBytes: 999}, abi.ErrTooLarge, nil},
		"source fails":  {&shelf{err: broken}, ServerOptions{}, FetchOptions{}, ErrFailed, broken},
		"source is cut": {&shelf{modules: newShelf(m).modules, extra: 1}, ServerOptions{}, FetchOptions{}, ErrTruncated, io.EOF},
		"exactly":       {newShelf(m), ServerOptions{MaxModuleBytes: 1000}, FetchOptions{MaxModuleBytes: 1000}, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			k := &basket{t: t}
			fetchErr, serveErr := transfer(t, NewServer(c.source, c.server), hashOf(m), k, c.fetch)
			if !errors.Is(fetchErr, c.want) || !errors.Is(serveErr, c.serve) {
				t.Errorf("fetch: %v, serve: %v", fetchErr, serveErr)
			}
			if c.want != nil {
				k.checkAborted()
			}
		})
	}
}

func TestTransferSinkFails(t *testing.T) {
	m := noise(1 << 20)
	full := errors.New("disk full")
	for name, k := range map[string]*basket{
		"create": {createErr: full}, "write": {writeErr: full}, "commit": {commitErr: full},
	} {
		t.Run(name, func(t *testing.T) {
			k.t = t
			fetchErr, _ := transfer(t, NewServer(newShelf(m), ServerOptions{}), hashOf(m), k, FetchOptions{})
			if !errors.Is(fetchErr, full) {
				t.Error(fetchErr)
			}
			if name != "commit" {
				k.checkAborted()
			}
		})
	}
}

func TestServerBusy(t *testing.T) {
	m := noise(1 << 20)
	v := NewServer(newShelf(m), ServerOptions{MaxTransfers: 1})
	a, b := net.Pipe()
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := v.Serve(t.Context(), b); !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("the transfer that was left: %v", err)
		}
	})
	if _, err := a.Write(request{hashOf(m), 1 << 30}.append(nil)); err != nil {
		t.Fatal(err)
	}
	if first, err := readAnswer(a); err != nil || first.status != statusOK {
		t.Fatal(first, err)
	}
	fetchErr, serveErr := transfer(t, v, hashOf(m), &basket{t: t}, FetchOptions{})
	if !errors.Is(fetchErr, ErrBusy) || serveErr != nil {
		t.Error(fetchErr, serveErr)
	}
	a.Close()
	wg.Wait()
	if fetchErr, serveErr = transfer(t, v, hashOf(m), &basket{t: t}, FetchOptions{}); fetchErr != nil || serveErr != nil {
		t.Error(fetchErr, serveErr)
	}
}

// Transfers run side by side and their encoders are used again.
func TestServerConcurrent(t *testing.T) {
	modules := [][]byte{noise(200_000), code(500_000), noise(7), code(100_000)}
	v := NewServer(newShelf(modules...), ServerOptions{})
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			m := modules[i%len(modules)]
			k := &basket{t: t}
			if fetchErr, serveErr := transfer(t, v, hashOf(m), k, FetchOptions{}); fetchErr != nil || serveErr != nil {
				t.Error(fetchErr, serveErr)
			}
		})
	}
	wg.Wait()
}

var errStop = errors.New("stopped by the test")

func TestFetchCanceled(t *testing.T) {
	m := noise(1 << 20)
	for _, bytesBefore := range []int{0, 5, answerSize, 70_000} {
		a, b := net.Pipe()
		ctx, cancel := context.WithCancelCause(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			defer cancel(errStop)
			if _, err := readRequest(b); err != nil {
				t.Error(err)
			}
			var s script
			s.in = bytes.NewReader(request{hashOf(m), 1 << 30}.append(nil))
			if err := NewServer(newShelf(m), ServerOptions{}).Serve(t.Context(), &s); err != nil {
				t.Error(err)
			}
			if _, err := b.Write(s.out.Bytes()[:bytesBefore]); err != nil {
				t.Error(err)
			}
		})
		k := &basket{t: t}
		if err := Fetch(ctx, a, hashOf(m), k, FetchOptions{}); !errors.Is(err, errStop) {
			t.Errorf("after %d bytes: %v", bytesBefore, err)
		}
		wg.Wait()
		k.checkAborted()
	}
}

func TestServeCanceled(t *testing.T) {
	m := noise(1 << 20)
	v := NewServer(newShelf(m), ServerOptions{})
	for name, requestBytes := range map[string]int{"before the request": 0, "within it": 9, "while sending": requestSize} {
		a, b := net.Pipe()
		ctx, cancel := context.WithCancelCause(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			defer cancel(errStop)
			if _, err := a.Write(request{hashOf(m), 1 << 30}.append(nil)[:requestBytes]); err != nil {
				t.Error(err)
			}
			if requestBytes == requestSize {
				if _, err := readAnswer(a); err != nil {
					t.Error(err)
				}
			}
		})
		if err := v.Serve(ctx, b); !errors.Is(err, errStop) {
			t.Errorf("%s: %v", name, err)
		}
		wg.Wait()
		a.Close()
	}
	if open := v.source.(*shelf).open; open != 0 {
		t.Errorf("%d readers left open", open)
	}
}
