package image

import (
	"fmt"
	"os"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// mapRoom maps zeroes. Nothing is set aside for them.
func mapRoom(size uint64) ([]byte, error) {
	if os.Getpagesize() != grain {
		return nil, errNoMapping
	}
	at, err := unix.MmapPtr(-1, 0, nil, uintptr(size), unix.PROT_READ|unix.PROT_WRITE,
		unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_NORESERVE)
	if err != nil {
		return nil, fmt.Errorf("map %d bytes: %w", size, err)
	}
	b := unsafe.Slice((*byte)(at), size)
	if err := unix.Madvise(b, unix.MADV_NOHUGEPAGE); err != nil && err != unix.EINVAL { // where there are none
		unmapRoom(b)
		return nil, fmt.Errorf("small pages: %w", err)
	}
	return b, nil
}

// unmapRoom fails only for what is not mapped.
func unmapRoom(b []byte) { _ = unix.MunmapPtr(unsafe.Pointer(unsafe.SliceData(b)), uintptr(len(b))) }

// emptyRoom makes zeroes of what was mapped, which then takes no memory.
func emptyRoom(b []byte) bool { return unix.Madvise(b, unix.MADV_DONTNEED) == nil }

// file is an image in memory, without a name. It is one of [files].
type file struct{ fd int }

func newFile() (*file, error) {
	if !files.take() {
		return nil, errNoMapping
	}
	fd, err := unix.MemfdCreate("wnode image", unix.MFD_CLOEXEC)
	if err != nil {
		files.release()
		return nil, err
	}
	return &file{fd}, nil
}

func (f *file) close() {
	if f != nil {
		_ = unix.Close(f.fd)
		files.release()
	}
}

// shared gives the image's file, nil when it is not large enough for one.
func (i *Image) shared() (*file, error) {
	if i.Bytes() < sharedFrom {
		return nil, nil
	}
	i.sharing.Lock()
	defer i.sharing.Unlock()
	switch {
	case i.file != nil:
		return i.file, nil
	case i.closed:
		return nil, errNoMapping
	}
	f, err := newFile()
	if err != nil {
		return nil, fmt.Errorf("file of an image: %w", err)
	}
	if err := i.writeFile(f); err != nil {
		f.close()
		return nil, fmt.Errorf("file of an image: %w", err)
	}
	i.file = f
	return f, nil
}

func (i *Image) writeFile(f *file) error {
	if err := unix.Ftruncate(f.fd, int64(i.size)); err != nil {
		return err
	}
	for _, r := range i.runs {
		for at, rest := int64(r.offset), r.bytes; len(rest) > 0; {
			n, err := unix.Pwrite(f.fd, rest, at)
			if err != nil {
				return err
			}
			at, rest = at+int64(n), rest[n:]
		}
	}
	return nil
}

// setMapped is [Space.Set] for mapped memory.
func (s *Space) setMapped(i *Image, used uint64) error {
	f, err := i.shared()
	if err != nil {
		return err
	}
	if used > i.size {
		if err := unix.Madvise(s.room[i.size:used], unix.MADV_DONTNEED); err != nil {
			return err
		}
	}
	switch {
	case i.size == 0, used == 0 && s.shown == i:
		return nil
	case f == nil && s.shown != nil:
		return errNoMapping // the images of a module only become larger
	case f == nil:
		return s.setOwn(i)
	case s.shown != i:
		return s.show(i, f)
	}
	return s.setShown(i)
}

// show maps the file of an image.
func (s *Space) show(i *Image, f *file) error {
	_, err := unix.MmapPtr(f.fd, 0, unsafe.Pointer(&s.room[0]), uintptr(i.size),
		unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_FIXED|unix.MAP_NORESERVE)
	if err != nil {
		return fmt.Errorf("map an image: %w", err)
	}
	s.shown = i
	return nil
}

// mapShown maps the file of an image, and nothing behind it.
func mapShown(i *Image) ([]byte, error) {
	f, err := i.shared()
	if err != nil {
		return nil, err
	}
	if f == nil || os.Getpagesize() != grain {
		return nil, errNoMapping
	}
	at, err := unix.MmapPtr(f.fd, 0, nil, uintptr(i.size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_NORESERVE)
	if err != nil {
		return nil, fmt.Errorf("map an image: %w", err)
	}
	return unsafe.Slice((*byte)(at), i.size), nil
}

// moveShown moves the mapping of a file to the beginning of other room, with what was written to it. When that
// fails, which it does without memory, nobody may use the other room any more: its beginning may be anyone's.
func moveShown(from, to []byte) bool {
	_, err := unix.MremapPtr(unsafe.Pointer(&from[0]), uintptr(len(from)), unsafe.Pointer(&to[0]), uintptr(len(from)),
		unix.MREMAP_MAYMOVE|unix.MREMAP_FIXED)
	if err != nil {
		unmapRoom(to[len(from):])
	}
	return err == nil
}

// setShown sets back a space that shows the image's file: pages that are not the file's are changed ones.
func (s *Space) setShown(i *Image) error {
	c := changes.Get().(*changed)
	defer changes.Put(c)
	if !c.find(s.room[:i.size], pageFile) {
		return unix.Madvise(s.room[:i.size], unix.MADV_DONTNEED)
	}
	for start, end := range c.all() {
		i.writePart(s.room, start, end)
	}
	return nil
}

// setOwn sets back a space with pages of its own.
func (s *Space) setOwn(i *Image) error {
	c := changes.Get().(*changed)
	defer changes.Put(c)
	if !c.find(s.room[:i.size], pageZero) {
		if err := unix.Madvise(s.room[:i.size], unix.MADV_DONTNEED); err != nil {
			return err
		}
	}
	for start, end := range c.all() {
		clear(s.room[start:end])
	}
	i.Write(s.room)
	return nil
}

// The PAGEMAP_SCAN request of /proc/PID/pagemap, Linux 6.7 (Documentation/admin-guide/mm/pagemap.rst).
const (
	pagemapScan = 0xc0606610
	pageFile    = 1 << 2
	pagePresent = 1 << 3
	pageSwapped = 1 << 4
	pageZero    = 1 << 5 // that was read and never written
)

type scanRequest struct {
	size, flags, start, end, walkEnd uint64
	regions                          uint64 // address
	regionsLen, maxPages             uint64
	inverted, mask, any, wanted      uint64 // categories
}

type pageRegion struct {
	start, end uint64
	_          uint64 // categories
}

// maxChanged is how many stretches of pages are set back one by one. To let go of all of them takes less
// time then, but each costs a page fault when it is used again.
const maxChanged = 64

// changed has the pages of a memory that were written to. The system is given its address, so it has
// to stay in one place: on the heap.
type changed struct {
	request scanRequest
	regions [maxChanged]pageRegion
	base    uint64
	found   int
}

var changes = sync.Pool{New: func() any { return new(changed) }}

// pagemap is open for as long as the program runs, -1 where there is none.
var pagemap = sync.OnceValue(func() int {
	fd, err := unix.Open("/proc/self/pagemap", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1
	}
	return fd
})

// find finds the pages of b that are there and not of the given category. It reports false, and has
// none, where the system cannot tell or there are too many.
func (c *changed) find(b []byte, not uint64) bool {
	c.base, c.found = uint64(uintptr(unsafe.Pointer(&b[0]))), 0
	c.request = scanRequest{
		size: uint64(unsafe.Sizeof(c.request)), start: c.base, end: c.base + uint64(len(b)),
		regions: uint64(uintptr(unsafe.Pointer(&c.regions))), regionsLen: maxChanged,
		inverted: not, mask: not, any: pagePresent | pageSwapped, wanted: pagePresent,
	}
	n, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(pagemap()), pagemapScan, uintptr(unsafe.Pointer(&c.request)))
	if errno != 0 || n == maxChanged {
		return false
	}
	c.found = int(n)
	return true
}

// all gives the places of what was found.
func (c *changed) all() func(yield func(start, end int) bool) {
	return func(yield func(int, int) bool) {
		for _, r := range c.regions[:c.found] {
			if !yield(int(r.start-c.base), int(r.end-c.base)) {
				return
			}
		}
	}
}
