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
	"testing/synctest"
	"time"

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

func (s *shelf) Has(hash abi.Hash) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.modules[hash] != nil || s.err != nil
}

func (s *shelf) Open(hash abi.Hash) (io.ReadSeekCloser, int64, error) {
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
	io.ReadSeeker
	shelf *shelf
}

func (s *shelved) Close() error {
	s.shelf.mu.Lock()
	defer s.shelf.mu.Unlock()
	s.shelf.open--
	return nil
}

// basket is a Sink for one module that checks the rules of Writer. What is in it to begin with is here from earlier.
type basket struct {
	t         testing.TB
	hash      abi.Hash
	size      int64
	content   bytes.Buffer
	opened    bool
	begun     bool
	committed bool
	suspended bool
	aborted   bool
	openErr   error
	beginErr  error
	writeErr  error
	commitErr error
}

func (k *basket) Open(hash abi.Hash) (Writer, error) {
	if k.opened {
		k.t.Error("opened twice")
	}
	if k.openErr != nil {
		return nil, k.openErr
	}
	k.opened, k.hash = true, hash
	return k, nil
}

func (k *basket) Have() int64 { return int64(k.content.Len()) }

func (k *basket) Begin(size, offset int64) error {
	if k.begun || k.ended() || size < 0 || offset != 0 && offset != k.Have() {
		k.t.Errorf("begin of %d bytes at %d, of which %d are here", size, offset, k.Have())
	}
	k.begun, k.size = true, size
	if offset == 0 {
		k.content.Reset()
	}
	return k.beginErr
}

func (k *basket) Write(p []byte) (int, error) {
	if !k.begun || k.ended() || int64(k.content.Len()+len(p)) > k.size {
		k.t.Errorf("write of %d bytes after %d of %d", len(p), k.content.Len(), k.size)
	}
	if k.writeErr != nil {
		return 0, k.writeErr
	}
	return k.content.Write(p)
}

func (k *basket) ended() bool { return k.committed || k.suspended || k.aborted }

func (k *basket) Commit() error {
	if !k.begun || k.ended() || int64(k.content.Len()) != k.size {
		k.t.Error("commit of what is not all of the module")
	}
	if hashOf(k.content.Bytes()) != k.hash {
		k.aborted = true
		return ErrFalseContent
	}
	k.committed = true
	return k.commitErr
}

func (k *basket) Suspend() {
	if k.ended() {
		k.t.Error("suspended after it has ended")
	}
	k.suspended = true
}

func (k *basket) Abort() {
	if k.ended() {
		k.t.Error("aborted after it has ended")
	}
	k.aborted = true
}

// checkEnded is for a failed fetch. What is false is thrown away, all else is kept.
func (k *basket) checkEnded(err error) {
	k.t.Helper()
	if k.committed || k.opened != k.ended() || k.opened && k.aborted != (errors.Is(err, ErrFalseContent) || k.writeErr != nil) {
		k.t.Errorf("opened %v, committed %v, suspended %v, aborted %v after %v", k.opened, k.committed, k.suspended, k.aborted, err)
	}
}

// transfer runs both sides over a pipe.
func transfer(t testing.TB, v *Server, hash abi.Hash, sink Sink, o FetchOptions) (fetchErr, serveErr error) {
	t.Helper()
	a, b := net.Pipe()
	var wg sync.WaitGroup
	wg.Go(func() { serveErr = v.Serve(t.Context(), b, 2, o.Form) })
	_, fetchErr = Fetch(t.Context(), a, hash, sink, o)
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
			fetchErr, serveErr := transfer(t, v, hashOf(m), SinkFunc(k.Open), o)
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
				k.checkEnded(fetchErr)
			}
		})
	}
}

func TestTransferSinkFails(t *testing.T) {
	m := noise(1 << 20)
	full := errors.New("disk full")
	for name, k := range map[string]*basket{
		"open": {openErr: full}, "begin": {beginErr: full}, "write": {writeErr: full}, "commit": {commitErr: full},
	} {
		t.Run(name, func(t *testing.T) {
			k.t = t
			fetchErr, _ := transfer(t, NewServer(newShelf(m), ServerOptions{}), hashOf(m), k, FetchOptions{})
			if !errors.Is(fetchErr, full) {
				t.Error(fetchErr)
			}
			if name != "commit" {
				k.checkEnded(fetchErr)
			}
		})
	}
}

// A node that has as many transfers as it may lets others wait for a while, and then sends them away.
func TestServerBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := noise(1 << 20)
		v := NewServer(newShelf(m), ServerOptions{MaxTransfers: 1})
		s, ended := requested(t, v, 3, request{hash: hashOf(m), limit: 1 << 30}, FormFixed)
		wantStatus(t, s, FormFixed, statusOK)
		var reader sync.WaitGroup
		reader.Go(func() {
			defer s.Close()
			for range 2 * fixedWait / time.Second {
				time.Sleep(time.Second)
				if _, err := io.CopyN(io.Discard, s, minPiece); err != nil {
					t.Error(err)
				}
			}
		})
		begun := time.Now()
		fetchErr, serveErr := transfer(t, v, hashOf(m), &basket{t: t}, FetchOptions{})
		if !errors.Is(fetchErr, ErrBusy) || serveErr != nil || time.Since(begun) != fixedWait {
			t.Errorf("%v, %v, after %v", fetchErr, serveErr, time.Since(begun))
		}
		reader.Wait()
		if err := <-ended; !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("the transfer that was left: %v", err)
		}
		if fetchErr, serveErr = transfer(t, v, hashOf(m), &basket{t: t}, FetchOptions{}); fetchErr != nil || serveErr != nil {
			t.Error(fetchErr, serveErr)
		}
	})
}

// Transfers run side by side and their encoders are used again.
func TestServerConcurrent(t *testing.T) {
	var modules [][]byte
	for i := range 4 {
		modules = append(modules, noise(200_000+i), code(400_000+i))
	}
	v := NewServer(newShelf(modules...), ServerOptions{MaxTransfers: 2 * len(modules), MaxPeerTransfers: 2 * len(modules)})
	var wg sync.WaitGroup
	for _, m := range modules {
		wg.Go(func() {
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
			if _, err := readRequest(b, FormFixed); err != nil {
				t.Error(err)
			}
			var s script
			s.in = bytes.NewReader(request{hash: hashOf(m), limit: 1 << 30}.append(nil, FormFixed))
			if err := NewServer(newShelf(m), ServerOptions{}).Serve(t.Context(), &s, 2, FormFixed); err != nil {
				t.Error(err)
			}
			if _, err := b.Write(s.out.Bytes()[:bytesBefore]); err != nil {
				t.Error(err)
			}
		})
		k := &basket{t: t}
		_, err := Fetch(ctx, a, hashOf(m), k, FetchOptions{})
		if !errors.Is(err, errStop) {
			t.Errorf("after %d bytes: %v", bytesBefore, err)
		}
		wg.Wait()
		k.checkEnded(err)
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
			if _, err := a.Write(request{hash: hashOf(m), limit: 1 << 30}.append(nil, FormFixed)[:requestBytes]); err != nil {
				t.Error(err)
			}
			if requestBytes == requestSize {
				if _, err := readAnswer(a, FormFixed); err != nil {
					t.Error(err)
				}
			}
		})
		if err := v.Serve(ctx, b, 2, FormFixed); !errors.Is(err, errStop) {
			t.Errorf("%s: %v", name, err)
		}
		wg.Wait()
		a.Close()
	}
	if open := v.source.(*shelf).open; open != 0 {
		t.Errorf("%d readers left open", open)
	}
}
