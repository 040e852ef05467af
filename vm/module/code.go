package module

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"log/slog"
	"os"
	"sync"

	"github.com/wnode/wnode/abi"
)

// DefaultCodeBytes is the default of [CodeOptions.DiskBytes].
const DefaultCodeBytes = 1 << 30

// CodeOptions says where a [CodeStore] keeps compiled code and how much of it.
type CodeOptions struct {
	// Dir is the folder, made when it is missing. Others may use it at the same time. Required.
	Dir string
	// DiskBytes bounds what is kept there, but for a sixteenth that each who uses it may add before it looks again.
	// 0 means DefaultCodeBytes; a negative size is an error.
	DiskBytes int64
	// Logger hears of damaged files and of failures to clear the folder up. nil means silence.
	Logger *slog.Logger
}

// CodeStore keeps compiled code on disk by a key that says what it was made from and by what. What does not fit is
// forgotten, the least recently used first. The code is run as it is read: so a file is believed only when nobody else
// can have written it and its checksum, over key and code, is right. All methods may be called concurrently.
type CodeStore struct {
	disk  folder
	limit int64

	mu    sync.Mutex
	known bool  // a sweep has counted
	total int64 // what was there then, and what this store has added, in bytes
	added int64 // the latter
}

// A file begins with a word that says what it is, and the checksum.
const (
	codeMagic  = "wncode1\n"
	codeHeader = len(codeMagic) + sha256.Size
)

// OpenCodeStore opens a store. It fails when the folder cannot be made, and with [ErrOthersWrite].
func OpenCodeStore(o CodeOptions) (*CodeStore, error) {
	if o.DiskBytes < 0 {
		return nil, errors.New("code store: negative size")
	}
	if o.DiskBytes == 0 {
		o.DiskBytes = DefaultCodeBytes
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	s := &CodeStore{
		disk:  folder{dir: o.Dir, extension: ".code", what: "compiled code", private: true, valid: isCode, log: o.Logger},
		limit: o.DiskBytes,
	}
	if err := s.disk.open(); err != nil {
		return nil, fmt.Errorf("code store: %w", err)
	}
	info, err := os.Stat(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("code store: %w", err)
	}
	if err := trusted(info); err != nil {
		return nil, fmt.Errorf("code store: %s %w; remove it, or run: chmod go-w %s", o.Dir, err, o.Dir)
	}
	return s, nil
}

// Get gives the code of a key after checking it, nil when it is not there. It is the caller's.
func (s *CodeStore) Get(key abi.Hash) []byte {
	b, err := s.disk.read(key, s.limit)
	if err != nil {
		if !errors.Is(err, ErrNotFound) {
			s.disk.log.Warn("cannot use a file of compiled code", "err", err)
		}
		return nil
	}
	s.disk.touch(key)
	return b[codeHeader:]
}

// Put keeps the code of a key, which it reads to the end, in place of what was there. The errors are those of the disk,
// and [ErrTooLarge] for more than the store keeps in all.
func (s *CodeStore) Put(key abi.Hash, code io.Reader) error {
	size, err := s.write(key, code)
	if err != nil {
		return fmt.Errorf("keep compiled code: %w", err)
	}
	s.grown(size, key)
	return nil
}

// Delete forgets the code of a key.
func (s *CodeStore) Delete(key abi.Hash) { s.disk.remove(key) }

// write makes the file. Nothing is flushed: whether a file has come through a power failure is what its checksum says.
func (s *CodeStore) write(key abi.Hash, code io.Reader) (size int64, err error) {
	f, err := s.disk.temp()
	if err != nil {
		return 0, err
	}
	defer func() {
		if err != nil {
			_ = f.Close()
			_ = os.Remove(f.Name()) // else a sweep will
		}
	}()
	if _, err = f.Write(make([]byte, codeHeader)); err != nil {
		return 0, err
	}
	sum := codeSum(key)
	if size, err = io.Copy(io.MultiWriter(f, sum), io.LimitReader(code, s.limit)); err != nil {
		return 0, err
	}
	if size += int64(codeHeader); size > s.limit {
		return 0, ErrTooLarge
	}
	if _, err = f.WriteAt(sum.Sum([]byte(codeMagic)), 0); err != nil {
		return 0, err
	}
	if err = f.Close(); err != nil {
		return 0, err
	}
	return size, s.disk.publish(f.Name(), key, size)
}

// grown clears up when there is too much, as far as the store knows, and from time to time because others add too.
func (s *CodeStore) grown(size int64, keep abi.Hash) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.total += size
	s.added += size
	if s.known && s.total <= s.limit && s.added <= s.limit/16 {
		return
	}
	s.total, s.added, s.known = s.disk.sweep(s.limit, keep), 0, true
}

// codeSum begins a checksum.
func codeSum(key abi.Hash) hash.Hash {
	sum := sha256.New()
	sum.Write(key[:])
	return sum
}

// isCode reports whether a file is what was put under a key.
func isCode(key abi.Hash, file []byte) bool {
	if len(file) < codeHeader || string(file[:len(codeMagic)]) != codeMagic {
		return false
	}
	sum := codeSum(key)
	sum.Write(file[codeHeader:])
	return bytes.Equal(sum.Sum(nil), file[len(codeMagic):codeHeader])
}
