package term

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/big"
	"unicode/utf8"

	"github.com/wnode/wnode/abi"
)

// The major types of CBOR (RFC 8949 section 3.1).
const (
	majorUint = iota
	majorNegative
	majorBytes
	majorText
	majorArray
	majorMap
	majorTag
	majorSimple
)

// breakByte ends what began with an indefinite length.
const breakByte = 0xff

// maxPrealloc bounds what is allocated on the word of a length alone; beyond it, growth follows the input.
const maxPrealloc = 256

// decoder reads one term from the front of in. Package cbor is not used here because it has no mode in
// which time tags stay tags, in which integers within int64 have one form only, and in which keys that
// cannot be compared are refused.
type decoder struct {
	in []byte
}

// head is the beginning of a data item: its major type, its argument, and how the argument was written.
type head struct {
	major      byte
	info       byte // the low five bits: below 24 the argument itself
	arg        uint64
	indefinite bool
}

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrMalformed, fmt.Sprintf(format, args...))
}

var errTruncated = fmt.Errorf("%w: it ends too early", ErrMalformed)

func (d *decoder) head() (head, error) {
	if len(d.in) == 0 {
		return head{}, errTruncated
	}
	h := head{major: d.in[0] >> 5, info: d.in[0] & 0x1f}
	d.in = d.in[1:]
	switch {
	case h.info < 24:
		h.arg = uint64(h.info)
	case h.info < 28:
		size := 1 << (h.info - 24)
		if len(d.in) < size {
			return head{}, errTruncated
		}
		var b [8]byte
		copy(b[8-size:], d.in)
		h.arg = binary.BigEndian.Uint64(b[:])
		d.in = d.in[size:]
	case h.info == 31 && h.major >= majorBytes && h.major <= majorMap:
		h.indefinite = true
	default:
		return head{}, malformed("byte %#02x does not begin an item", h.major<<5|h.info)
	}
	return h, nil
}

// atBreak reports whether the next byte ends an indefinite length, and eats it.
func (d *decoder) atBreak() bool {
	if len(d.in) == 0 || d.in[0] != breakByte {
		return false
	}
	d.in = d.in[1:]
	return true
}

// term reads the next term, which has depth terms around it.
func (d *decoder) term(depth int) (any, error) {
	h, err := d.head()
	if err != nil {
		return nil, err
	}
	switch h.major {
	case majorUint:
		return integer(h.arg, false), nil
	case majorNegative:
		return integer(h.arg, true), nil
	case majorBytes:
		return d.str(h)
	case majorText:
		b, err := d.str(h)
		return string(b), err
	case majorSimple:
		return simple(h)
	}
	if depth >= MaxDepth {
		return nil, malformed("nested deeper than %d", MaxDepth)
	}
	switch h.major {
	case majorArray:
		return d.array(h, depth+1)
	case majorMap:
		return d.dict(h, depth+1)
	default:
		return d.tag(h.arg, depth+1)
	}
}

// integer gives n, or -1-n, as an int64 when it is one.
func integer(n uint64, negative bool) any {
	if n <= math.MaxInt64 {
		if negative {
			return -1 - int64(n)
		}
		return int64(n)
	}
	i := new(big.Int).SetUint64(n)
	if negative {
		i.Not(i)
	}
	return i
}

// str reads a byte or text string, whose chunks, if it has any, are strings of the same type.
func (d *decoder) str(h head) ([]byte, error) {
	if !h.indefinite {
		return d.chunk(nil, h)
	}
	b := []byte{}
	for !d.atBreak() {
		c, err := d.head()
		if err != nil {
			return nil, err
		}
		if c.major != h.major || c.indefinite {
			return nil, malformed("a chunk of another type")
		}
		if b, err = d.chunk(b, c); err != nil {
			return nil, err
		}
	}
	return b, nil
}

func (d *decoder) chunk(b []byte, h head) ([]byte, error) {
	if h.arg > uint64(len(d.in)) {
		return nil, errTruncated
	}
	c := d.in[:h.arg]
	d.in = d.in[h.arg:]
	if h.major == majorText && !utf8.Valid(c) {
		return nil, malformed("text is not UTF-8")
	}
	if b == nil {
		b = make([]byte, 0, len(c))
	}
	return append(b, c...), nil
}

// more reports whether an array or map that has i of its elements so far goes on.
func (d *decoder) more(h head, i uint64) bool {
	if h.indefinite {
		return !d.atBreak()
	}
	return i < h.arg
}

// noElements is the empty array, of which all are the same: nothing can be changed in it.
var noElements any = []any{}

func (d *decoder) array(h head, depth int) (any, error) {
	if h.arg > uint64(len(d.in)) {
		return nil, errTruncated
	}
	if h.arg == 0 && !h.indefinite {
		return noElements, nil
	}
	list := make([]any, 0, min(h.arg, maxPrealloc))
	for i := uint64(0); d.more(h, i); i++ {
		e, err := d.term(depth)
		if err != nil {
			return nil, err
		}
		list = append(list, e)
	}
	return list, nil
}

func (d *decoder) dict(h head, depth int) (any, error) {
	if h.arg > uint64(len(d.in)/2) {
		return nil, errTruncated
	}
	m := make(map[any]any, min(h.arg, maxPrealloc))
	for i := uint64(0); d.more(h, i); i++ {
		k, err := d.term(depth)
		if err != nil {
			return nil, err
		}
		if k, err = key(k); err != nil {
			return nil, err
		}
		if _, taken := m[k]; taken {
			return nil, malformed("a map has a key twice")
		}
		if m[k], err = d.term(depth); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// key gives the form that t has as the key of a map.
func key(t any) (any, error) {
	switch t := t.(type) {
	case []byte:
		return ByteString(t), nil
	case float64:
		if math.IsNaN(t) {
			return nil, malformed("NaN as the key of a map")
		}
	case []any, map[any]any, *big.Int, Tag:
		return nil, malformed("a key of a map that is a container, a tag or a big integer")
	}
	return t, nil
}

func (d *decoder) tag(number uint64, depth int) (any, error) {
	content, err := d.term(depth)
	if err != nil {
		return nil, err
	}
	switch number {
	case tagBigPositive, tagBigNegative, TagPid, TagRef, TagFunction:
		b, ok := content.([]byte)
		if !ok {
			return nil, malformed("tag %d around something that is no byte string", number)
		}
		return tagged(number, b)
	}
	return Tag{Number: number, Content: content}, nil
}

// tagged reads the content of the tags that stand for types of their own.
func tagged(number uint64, b []byte) (any, error) {
	var err error
	switch number {
	case TagPid:
		var p abi.Pid
		err = p.UnmarshalBinary(b)
		return asTerm(p, err)
	case TagRef:
		var r abi.Ref
		err = r.UnmarshalBinary(b)
		return asTerm(r, err)
	case TagFunction:
		var f abi.Function
		err = f.UnmarshalBinary(b)
		return asTerm(f, err)
	}
	if len(b) > MaxBigIntBytes {
		return nil, malformed("an integer of %d bytes", len(b))
	}
	i := new(big.Int).SetBytes(b)
	if number == tagBigNegative {
		i.Not(i)
	}
	if i.IsInt64() {
		return i.Int64(), nil
	}
	return i, nil
}

func asTerm(t any, err error) (any, error) {
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return t, nil
}

// simple reads a float or a simple value. False, true, null and undefined are written in one byte only.
func simple(h head) (any, error) {
	switch h.info {
	case 20, 21:
		return h.info == 21, nil
	case 22, 23:
		return nil, nil
	case 24:
		if h.arg < 32 {
			return nil, malformed("simple value %d in two bytes", h.arg)
		}
	case 25:
		return half(uint16(h.arg)), nil
	case 26:
		return float64(math.Float32frombits(uint32(h.arg))), nil
	case 27:
		return math.Float64frombits(h.arg), nil
	}
	return SimpleValue(h.arg), nil
}

// half reads a float of 16 bits: 1 sign, 5 exponent, 10 mantissa (RFC 8949 appendix D).
func half(bits uint16) float64 {
	exponent, mantissa := int(bits>>10&0x1f), float64(bits&0x3ff)
	var f float64
	switch {
	case exponent == 0:
		f = math.Ldexp(mantissa, -24)
	case exponent < 31:
		f = math.Ldexp(mantissa+1024, exponent-25)
	case mantissa == 0:
		f = math.Inf(1)
	default:
		return math.NaN()
	}
	if bits>>15 == 1 {
		return math.Copysign(f, -1)
	}
	return f
}
