package wasm

import (
	"errors"
	"fmt"
	"math"
	"unicode/utf8"
)

// ErrMalformed is what every error about the form of a module wraps.
var ErrMalformed = errors.New("malformed module")

// LimitError says that a module is larger than this package takes.
type LimitError struct {
	What string
	Got  uint64
	Max  uint64
}

// Error gives the counts in words.
func (e *LimitError) Error() string { return fmt.Sprintf("%d %s, at most %d", e.Got, e.What, e.Max) }

// reader takes values from bytes. The first error stays, and everything after it is zero.
type reader struct {
	b    []byte
	pos  int
	base int // where b begins in the module
	err  error
	used *FeatureError // that no module may use; nil for none
}

func (r *reader) fail(what string) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: %s at byte %d", ErrMalformed, what, r.pos)
	}
	r.pos = len(r.b)
}

func (r *reader) limit(what string, got, most uint64) {
	if got > most && r.err == nil {
		r.err = &LimitError{what, got, most}
		r.pos = len(r.b)
	}
}

// more reports whether there is something left to read.
func (r *reader) more() bool { return r.err == nil && r.pos < len(r.b) }

func (r *reader) byte() byte {
	if r.pos >= len(r.b) {
		r.fail("unexpected end")
		return 0
	}
	r.pos++
	return r.b[r.pos-1]
}

// bytes gives the next n bytes, without a copy.
func (r *reader) bytes(n uint32) []byte {
	if uint64(n) > uint64(len(r.b)-r.pos) {
		r.fail("unexpected end")
		return nil
	}
	start := r.pos
	r.pos += int(n)
	return r.b[start:r.pos:r.pos]
}

// u32 reads an unsigned number of 32 bits in LEB128.
func (r *reader) u32() uint32 {
	if r.pos < len(r.b) && r.b[r.pos] < 0x80 {
		r.pos++
		return uint32(r.b[r.pos-1])
	}
	var v uint64
	for shift := 0; shift < 35; shift += 7 {
		b := r.byte()
		v |= uint64(b&0x7f) << shift
		if b < 0x80 {
			if v > math.MaxUint32 {
				break
			}
			return uint32(v)
		}
	}
	r.fail("number too large")
	return 0
}

// signed reads a signed number of so many bits, 7 at least, in LEB128.
func (r *reader) signed(bits int) int64 {
	if r.pos < len(r.b) && r.b[r.pos] < 0x80 {
		r.pos++
		return int64(int8(r.b[r.pos-1]<<1) >> 1)
	}
	var v int64
	for shift := 0; shift < bits; shift += 7 {
		b := r.byte()
		v |= int64(b&0x7f) << shift
		if b >= 0x80 {
			continue
		}
		if free := bits - shift; free < 7 { // the rest must repeat the sign
			if top := int8(b<<1) >> free; top != 0 && top != -1 {
				break
			}
		}
		if shift+7 < 64 && b&0x40 != 0 {
			v |= -1 << (shift + 7)
		}
		return v
	}
	r.fail("number too large")
	return 0
}

// count reads the length of a vector whose elements take at least one byte each.
func (r *reader) count(what string, most uint64) int {
	n := r.u32()
	r.limit(what, uint64(n), most)
	if uint64(n) > uint64(len(r.b)-r.pos) {
		r.fail("more " + what + " than bytes")
	}
	if r.err != nil {
		return 0
	}
	return int(n)
}

func (r *reader) name() string {
	b := r.bytes(r.u32())
	if !utf8.Valid(b) {
		r.fail("name is not UTF-8")
	}
	return string(b)
}

// sized gives a reader of the part whose size comes first.
func (r *reader) sized() reader {
	b := r.bytes(r.u32())
	return reader{b: b, base: r.base + r.pos - len(b)}
}

// close passes on the error of a part, which must have been read to its end.
func (r *reader) close(part *reader) {
	if part.err == nil && part.pos < len(part.b) {
		part.fail("bytes left over")
	}
	if part.used != nil {
		r.uses(part.used)
	}
	if r.err == nil && part.err != nil {
		r.err = part.err
		r.pos = len(r.b)
	}
}
