package symbolize

import (
	"bytes"
	"context"
	"encoding/binary"
)

// Bounds of a search.
const (
	minSteps     = 256 << 10 // each number that is read is a step
	stepsPerByte = 4         // of all sections; real modules take less than one and a half
	maxString    = 4 << 10
	pollSteps    = 1 << 16 // how many steps it takes to notice that nobody waits any more
)

// effort is what a search may still do.
type effort struct {
	ctx  context.Context
	left int
}

// spend reports whether there was as much left.
func (e *effort) spend(steps int) bool {
	before := e.left
	e.left -= steps
	if before/pollSteps != e.left/pollSteps && e.ctx.Err() != nil {
		e.left = -1
	}
	return e.left >= 0
}

// reader takes values from a section. After an error everything is zero.
type reader struct {
	b      []byte
	pos    int
	effort *effort
	failed bool
}

func (r *reader) fail() {
	r.failed = true
	r.pos = len(r.b)
}

func (r *reader) more() bool { return !r.failed && r.pos < len(r.b) }

// at gives a reader of the same section from another place on.
func (r *reader) at(pos uint64) reader {
	part := reader{b: r.b, effort: r.effort}
	if pos > uint64(len(r.b)) {
		part.fail()
		return part
	}
	part.pos = int(pos)
	return part
}

// take gives the next n bytes, nil when there are not as many.
func (r *reader) take(n uint64) []byte {
	if n > uint64(len(r.b)-r.pos) || !r.effort.spend(1) {
		r.fail()
		return nil
	}
	b := r.b[r.pos : r.pos+int(n)]
	r.pos += int(n)
	return b
}

// part gives a reader of the next n bytes, whose positions are those of the section.
func (r *reader) part(n uint64) reader {
	start := r.pos
	if r.take(n) == nil {
		return reader{effort: r.effort, failed: true}
	}
	return reader{b: r.b[:r.pos], pos: start, effort: r.effort}
}

// fixed reads a number of so many bytes, at most 8.
func (r *reader) fixed(size int) uint64 {
	var b [8]byte
	copy(b[:], r.take(uint64(size)))
	return binary.LittleEndian.Uint64(b[:])
}

func (r *reader) byte() byte { return byte(r.fixed(1)) }

func (r *reader) unsigned() uint64 {
	v, n := binary.Uvarint(r.b[r.pos:])
	if n <= 0 || !r.effort.spend(1) {
		r.fail()
		return 0
	}
	r.pos += n
	return v
}

func (r *reader) signed() int64 {
	var v int64
	for shift := 0; shift < 64; shift += 7 {
		b := r.byte()
		v |= int64(b&0x7f) << shift
		if b >= 0x80 {
			continue
		}
		if b&0x40 != 0 && shift+7 < 64 {
			v |= -1 << (shift + 7)
		}
		return v
	}
	r.fail()
	return 0
}

// text reads up to a zero byte.
func (r *reader) text() string {
	rest := r.b[r.pos:min(len(r.b), r.pos+maxString)]
	end := bytes.IndexByte(rest, 0)
	if end < 0 || !r.effort.spend(1+end/8) {
		r.fail()
		return ""
	}
	r.pos += end + 1
	return string(rest[:end])
}

// skipText passes over what text reads, of any length.
func (r *reader) skipText() {
	end := bytes.IndexByte(r.b[r.pos:], 0)
	if end < 0 || !r.effort.spend(1+end/8) {
		r.fail()
		return
	}
	r.pos += end + 1
}

// escapedLength begins the lengths of the 64-bit format, which no linker makes for WebAssembly.
const escapedLength = 0xfffffff0

// unit gives a reader of the next unit, whose length comes first.
func (r *reader) unit() reader {
	length := r.fixed(4)
	if length >= escapedLength {
		r.fail()
	}
	return r.part(length)
}
