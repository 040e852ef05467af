package module

import (
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

const tempPrefix = "incoming-"

// abandonedAfter is how long nobody has written to a temporary file whose owner must have died.
const abandonedAfter = time.Hour

// folder keeps files of one kind by hash, such as modules: aa/<hash>.wasm, aa being the first two digits
// of the hash, and temporary files and what has arrived of modules beside the folders. A file's modification time is that of
// its last use.
//
// Any number of folders, in any number of processes, may share one directory without locks, but for
// what has arrived: a file appears whole, by a rename; what it has to contain can be told from its name; and each may vanish at any
// time, when some store sweeps. Files with other names are left alone.
type folder struct {
	dir       string
	extension string
	what      string // the files are, in logs
	private   bool   // files that others may write are not read
	valid     func(hash abi.Hash, content []byte) bool
	log       *slog.Logger
}

// open makes the folder when it is missing.
func (d *folder) open() error { return os.MkdirAll(d.dir, 0o700) }

func (d *folder) path(hash abi.Hash) string {
	name := hash.String()
	return filepath.Join(d.dir, name[:2], name+d.extension)
}

// temp makes a file to write to. People clear their caches away: the folder may have to
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

// touch marks a use. That it may fail, when the file was swept just now, does not matter.
func (d *folder) touch(hash abi.Hash) {
	now := time.Now()
	_ = os.Chtimes(d.path(hash), now, now)
}

// read gives what is in a file of at most limit bytes after checking it. A damaged one is removed.
func (d *folder) read(hash abi.Hash, limit int64) ([]byte, error) {
	b, err := d.readFile(d.path(hash), limit)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	if d.valid(hash, b) {
		return b, nil
	}
	d.log.Warn("removing a damaged file", "of", d.what, "hash", hash.String(), "dir", d.dir)
	d.remove(hash)
	return nil, fmt.Errorf("%w: %w", ErrNotFound, ErrCorrupt)
}

func (d *folder) remove(hash abi.Hash) {
	if err := os.Remove(d.path(hash)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		d.log.Warn("cannot remove a file", "of", d.what, "err", err)
	}
}

// readFile opens regular files only: others could block. What it checks then is what it reads, whatever is at the path
// by that time.
func (d *folder) readFile(path string, limit int64) ([]byte, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no regular file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err = f.Stat(); err != nil {
		return nil, err
	}
	if info.Size() > limit {
		return nil, fmt.Errorf("%w: %d bytes, at most %d", ErrTooLarge, info.Size(), limit)
	}
	if d.private {
		if err := trusted(info); err != nil {
			return nil, fmt.Errorf("%s %w", path, err)
		}
	}
	b := make([]byte, info.Size())
	n, err := io.ReadFull(f, b)
	if err == io.EOF || err == io.ErrUnexpectedEOF { // it was cut meanwhile: the hash will tell
		return b[:n], nil
	}
	return b, err
}

// stored is one file on disk.
type stored struct {
	hash abi.Hash
	size int64
	used time.Time
}

// sweep removes the least recently used files, but not keep, until all take at most limit bytes,
// and temporary files that nobody will finish. What fails is logged: there is another sweep to come. It gives what is
// left, in bytes.
func (d *folder) sweep(limit int64, keep abi.Hash) (total int64) {
	modules, partials, err := d.list()
	if err != nil {
		d.log.Warn("cannot clear up a folder", "of", d.what, "dir", d.dir, "err", err)
		return 0
	}
	total = d.sweepPartials(partials, limit/partialShare)
	for _, m := range modules {
		total += m.size
	}
	slices.SortFunc(modules, func(a, b stored) int { return a.used.Compare(b.used) })
	for _, m := range modules {
		if total <= limit {
			break
		}
		if m.hash == keep {
			continue
		}
		if err := os.Remove(d.path(m.hash)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			d.log.Warn("cannot evict a file", "of", d.what, "hash", m.hash.String(), "err", err)
			continue
		}
		total -= m.size
	}
	return total
}

// list gives the files, and what is left of modules that were on their way, and removes abandoned temporary files
// as it goes.
func (d *folder) list() (modules []stored, partials []fs.DirEntry, err error) {
	top, err := os.ReadDir(d.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	for _, e := range top {
		switch {
		case strings.HasPrefix(e.Name(), tempPrefix):
			d.removeAbandoned(e)
		case isPartial(e.Name()):
			partials = append(partials, e)
		case e.IsDir() && len(e.Name()) == 2:
			modules = d.listShard(modules, e.Name())
		}
	}
	return modules, partials, nil
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
		d.log.Warn("cannot list files", "of", d.what, "dir", d.dir, "err", err)
		return modules
	}
	for _, e := range files {
		hash, ok := d.hashOfName(e.Name())
		if !ok || !strings.HasPrefix(e.Name(), shard) {
			continue
		}
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() {
			modules = append(modules, stored{hash, info.Size(), info.ModTime()})
		}
	}
	return modules
}

func (d *folder) hashOfName(name string) (hash abi.Hash, ok bool) {
	digits, ok := strings.CutSuffix(name, d.extension)
	if !ok || len(digits) != 2*abi.HashSize {
		return hash, false
	}
	n, err := hex.Decode(hash[:], []byte(digits))
	return hash, err == nil && n == abi.HashSize && hash.String() == digits
}
