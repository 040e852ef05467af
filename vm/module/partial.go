package module

import (
	"cmp"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/wnode/wnode/abi"
)

// partialPrefix begins the names of files with what has arrived of a module: partial-<hash>. Who writes to one has it
// locked. What is in it is believed only when all of the module has the right hash.
const partialPrefix = "partial-"

// Bounds of what is left of transfers that were cut. Of the room for modules they have a quarter at most.
const (
	maxPartials  = 16
	partialShare = 4
	partialAge   = 24 * time.Hour
)

// partial opens the file for a module for one writer, and gives nil when there can be none: another writer
// has it, or files cannot be locked here.
func (d *folder) partial(hash abi.Hash) *os.File {
	if err := os.MkdirAll(d.dir, 0o700); err != nil {
		return nil
	}
	return claim(filepath.Join(d.dir, partialPrefix+hash.String()), os.O_CREATE)
}

// claim opens and locks a file, nil if that cannot be.
func claim(path string, create int) *os.File {
	f, err := os.OpenFile(path, os.O_RDWR|create, 0o600)
	if err != nil {
		return nil
	}
	// Before it was locked, the writer that had it may have removed it or given it its name as a module.
	if tryLock(f) && isAt(f, path) {
		return f
	}
	_ = f.Close() // nothing was written
	return nil
}

// isAt reports whether a file is what is at a path, and a regular file.
func isAt(f *os.File, path string) bool {
	there, err := os.Lstat(path)
	if err != nil || !there.Mode().IsRegular() {
		return false
	}
	info, err := f.Stat()
	return err == nil && os.SameFile(info, there)
}

// sweepPartials removes what nobody has gone on with for too long, and of the rest the oldest beyond the bounds, of
// which limit is the one of all bytes. It gives the bytes that stay without a writer.
func (d *folder) sweepPartials(found []fs.DirEntry, limit int64) (idle int64) {
	var infos []fs.FileInfo
	for _, e := range found {
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() {
			infos = append(infos, info)
		}
	}
	slices.SortFunc(infos, func(a, b fs.FileInfo) int { return b.ModTime().Compare(a.ModTime()) })
	for i, info := range infos {
		path := filepath.Join(d.dir, info.Name())
		f := claim(path, 0)
		if f == nil { // somebody is at it
			continue
		}
		if i >= maxPartials || idle+info.Size() > limit || time.Since(info.ModTime()) > partialAge {
			d.discard(f)
			continue
		}
		idle += info.Size()
		_ = f.Close()
	}
	return idle
}

// discard removes a file that is locked.
func (d *folder) discard(f *os.File) {
	err := os.Remove(f.Name())
	_ = f.Close()
	if err != nil && !renamesOpen {
		err = os.Remove(f.Name())
	}
	if err != nil {
		d.log.Warn("cannot remove a file", "of", d.what, "err", err)
	}
}

func isPartial(name string) bool { return strings.HasPrefix(name, partialPrefix) }

// parts is what has arrived of modules, in a store without a disk. Its owner locks it.
type parts struct {
	byHash map[abi.Hash]part
	bytes  int64
}

type part struct {
	content []byte
	written time.Time
}

func (p *parts) init() { p.byHash = make(map[abi.Hash]part) }

// take gives what is left of a module, nil for nothing, and forgets it.
func (p *parts) take(hash abi.Hash) []byte {
	content := p.byHash[hash].content
	delete(p.byHash, hash)
	p.bytes -= int64(cap(content))
	return content
}

// put takes over content.
func (p *parts) put(hash abi.Hash, content []byte) {
	p.take(hash)
	p.byHash[hash] = part{content, time.Now()}
	p.bytes += int64(cap(content))
}

// shrink forgets what is too old, and then the oldest until the bounds are kept.
func (p *parts) shrink(limit int64) {
	type aged struct {
		hash    abi.Hash
		written time.Time
	}
	var list []aged
	for hash, part := range p.byHash {
		list = append(list, aged{hash, part.written})
	}
	slices.SortFunc(list, func(a, b aged) int { return cmp.Compare(a.written.UnixNano(), b.written.UnixNano()) })
	for i, a := range list {
		if p.bytes <= limit && len(list)-i <= maxPartials && time.Since(a.written) <= partialAge {
			return
		}
		p.take(a.hash)
	}
}
