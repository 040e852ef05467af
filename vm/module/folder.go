package module

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/wnode/wnode/abi"
)

const (
	extension  = ".wasm"
	tempPrefix = "incoming-"
)

// abandonedAfter is how long nobody has written to a temporary file whose owner must have died.
const abandonedAfter = time.Hour

// folder is the part of the modules that is on disk: aa/<hash>.wasm, aa being the first two digits
// of the hash, and temporary files beside the folders. A module's modification time is that of
// its last use.
//
// Any number of folders, in any number of processes, may share one directory without locks: a
// module appears whole, by a rename; its name says what it has to contain; and each may vanish at any
// time, when some store sweeps. Files with other names are left alone.
type folder struct {
	dir string
	log *slog.Logger
}

func openFolder(dir string, log *slog.Logger) (*folder, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	return &folder{dir, log}, nil
}

func (d *folder) path(hash abi.Hash) string {
	name := hash.String()
	return filepath.Join(d.dir, name[:2], name+extension)
}

// temp makes a file to write a module to. People clear their caches away: the folder may have to
// be made again.
func (d *folder) temp() (*os.File, error) {
	if err := os.MkdirAll(d.dir, 0o700); err != nil {
		return nil, err
	}
	return os.CreateTemp(d.dir, tempPrefix)
}

// publish gives a closed temporary file of the given size its name.
func (d *folder) publish(temp string, hash abi.Hash, size int64) error {
	now := time.Now()
	if err := os.Chtimes(temp, now, now); err != nil {
		return err
	}
	path := d.path(hash)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	err := os.Rename(temp, path)
	if err == nil {
		return nil
	}
	// Windows does not replace a file that somebody reads. That file will do as well.
	if info, statErr := os.Lstat(path); statErr == nil && info.Mode().IsRegular() && info.Size() == size {
		return os.Remove(temp)
	}
	return err
}

func (d *folder) has(hash abi.Hash) bool {
	info, err := os.Lstat(d.path(hash))
	return err == nil && info.Mode().IsRegular()
}

// touch marks a use. That it may fail, when the module was swept just now, does not matter.
func (d *folder) touch(hash abi.Hash) {
	now := time.Now()
	_ = os.Chtimes(d.path(hash), now, now)
}

// read gives a module of at most limit bytes after checking it. A damaged one is removed.
func (d *folder) read(hash abi.Hash, limit int64) ([]byte, error) {
	b, err := readFile(d.path(hash), limit)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	if abi.Hash(sha256.Sum256(b)) == hash {
		return b, nil
	}
	d.log.Warn("removing a damaged module", "module", hash.String(), "dir", d.dir)
	if err := os.Remove(d.path(hash)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		d.log.Warn("cannot remove it", "err", err)
	}
	return nil, fmt.Errorf("%w: %w", ErrNotFound, ErrCorrupt)
}

// readFile opens regular files only: others could block.
func readFile(path string, limit int64) ([]byte, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no regular file", path)
	}
	if info.Size() > limit {
		return nil, fmt.Errorf("%w: %d bytes, at most %d", ErrTooLarge, info.Size(), limit)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b := make([]byte, info.Size())
	n, err := io.ReadFull(f, b)
	if err == io.EOF || err == io.ErrUnexpectedEOF { // it was cut meanwhile: the hash will tell
		return b[:n], nil
	}
	return b, err
}

// stored is one module on disk.
type stored struct {
	hash abi.Hash
	size int64
	used time.Time
}

// sweep removes the least recently used modules, but not keep, until all take at most limit bytes,
// and temporary files that nobody will finish. What fails is logged: there is another sweep to come.
func (d *folder) sweep(limit int64, keep abi.Hash) {
	modules, err := d.list()
	if err != nil {
		d.log.Warn("cannot clear up the module store", "dir", d.dir, "err", err)
		return
	}
	var total int64
	for _, m := range modules {
		total += m.size
	}
	slices.SortFunc(modules, func(a, b stored) int { return a.used.Compare(b.used) })
	for _, m := range modules {
		if total <= limit {
			return
		}
		if m.hash == keep {
			continue
		}
		if err := os.Remove(d.path(m.hash)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			d.log.Warn("cannot evict a module", "module", m.hash.String(), "err", err)
			continue
		}
		total -= m.size
	}
}

// list gives the modules, and removes abandoned temporary files on its way.
func (d *folder) list() ([]stored, error) {
	top, err := os.ReadDir(d.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var modules []stored
	for _, e := range top {
		switch {
		case strings.HasPrefix(e.Name(), tempPrefix):
			d.removeAbandoned(e)
		case e.IsDir() && len(e.Name()) == 2:
			modules = d.listShard(modules, e.Name())
		}
	}
	return modules, nil
}

func (d *folder) removeAbandoned(e fs.DirEntry) {
	info, err := e.Info()
	if err == nil && info.Mode().IsRegular() && time.Since(info.ModTime()) > abandonedAfter {
		_ = os.Remove(filepath.Join(d.dir, e.Name())) // the next sweep tries again
	}
}

// listShard appends what is in one folder of the first two digits.
func (d *folder) listShard(modules []stored, shard string) []stored {
	files, err := os.ReadDir(filepath.Join(d.dir, shard))
	if err != nil {
		d.log.Warn("cannot list modules", "dir", d.dir, "err", err)
		return modules
	}
	for _, e := range files {
		hash, ok := hashOfName(e.Name())
		if !ok || !strings.HasPrefix(e.Name(), shard) {
			continue
		}
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() {
			modules = append(modules, stored{hash, info.Size(), info.ModTime()})
		}
	}
	return modules
}

func hashOfName(name string) (hash abi.Hash, ok bool) {
	digits, ok := strings.CutSuffix(name, extension)
	if !ok || len(digits) != 2*abi.HashSize {
		return hash, false
	}
	n, err := hex.Decode(hash[:], []byte(digits))
	return hash, err == nil && n == abi.HashSize && hash.String() == digits
}
