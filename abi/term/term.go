// Package term encodes and decodes terms, the values that messages, exit reasons and the
// system's own protocols are made of, as CBOR (RFC 8949).
//
// A term is one of these Go values:
//
//	nil                      null; undefined is read as null
//	bool, int64, float64
//	*big.Int                 an integer beyond int64
//	string                   text; also what Erlang has atoms for
//	[]byte                   binary
//	[]any                    array; also what Erlang has tuples for
//	map[any]any              map
//	abi.Pid, abi.Ref,
//	abi.Function             private tags
//	Tag, SimpleValue         whatever else CBOR has, times among it
//
// Keys of maps are null, bools, int64s, float64s other than NaN, texts, binaries (as [ByteString]),
// simple values, pids, refs and functions.
//
// Encode also takes the other Go integers, typed slices and maps and structs, as package cbor does;
// a nil slice or map is an empty one. Encoding is the core deterministic encoding (RFC 8949 section 4.2.1): one term has one encoding,
// so encoded terms can be compared as bytes. All functions may be called concurrently.
package term

import (
	"errors"
	"fmt"
	"reflect"

	"github.com/fxamacker/cbor/v2"

	"github.com/wnode/wnode/abi"
)

// The private tags. Their content is a byte string: the 16 bytes of a pid or a ref, and the form
// of [abi.Function.MarshalBinary].
const (
	TagPid      = 30580
	TagRef      = 30581
	TagFunction = 30582
)

// The tags of integers beyond 64 bits (RFC 8949 section 3.4.3).
const (
	tagBigPositive = 2
	tagBigNegative = 3
)

// MaxDepth bounds how deeply arrays, maps and tags of a decoded term may nest.
const MaxDepth = 128

// MaxBigIntBytes bounds the integers of a decoded term: work on them grows faster than their size.
const MaxBigIntBytes = 1024

// The types of terms that Go has no type for. They are those of package cbor, which nothing else needs to import.
type (
	Tag         = cbor.Tag
	SimpleValue = cbor.SimpleValue
	ByteString  = cbor.ByteString // a binary as the key of a map
)

// Raw is an encoded term. In what [DecodeInto] fills it keeps a part encoded, for [Decode];
// in what Encode is given it stands for the term that it encodes.
type Raw = cbor.RawMessage

// ErrMalformed is what every failure of [Decode] wraps.
var ErrMalformed = errors.New("malformed term")

var (
	encMode cbor.EncMode
	decMode cbor.DecMode

	knownMode cbor.DecMode // refuses keys that the value has no field for
)

func init() {
	tags := cbor.NewTagSet()
	opts := cbor.TagOptions{EncTag: cbor.EncTagRequired, DecTag: cbor.DecTagRequired}
	for number, typ := range map[uint64]reflect.Type{
		TagPid:      reflect.TypeFor[abi.Pid](),
		TagRef:      reflect.TypeFor[abi.Ref](),
		TagFunction: reflect.TypeFor[abi.Function](),
	} {
		must(tags.Add(opts, typ, number))
	}
	var err error
	enc := cbor.CoreDetEncOptions()
	enc.NilContainers = cbor.NilContainerAsEmpty
	encMode, err = enc.EncModeWithTags(tags)
	must(err)
	dec := cbor.DecOptions{
		DupMapKey:             cbor.DupMapKeyEnforcedAPF,
		IntDec:                cbor.IntDecConvertSignedOrBigInt,
		BigIntDec:             cbor.BigIntDecodePointer,
		MaxNestedLevels:       MaxDepth,
		MapKeyByteString:      cbor.MapKeyByteStringAllowed,
		DefaultByteStringType: reflect.TypeFor[[]byte](),
	}
	decMode, err = dec.DecModeWithTags(tags)
	must(err)
	dec.ExtraReturnErrors = cbor.ExtraDecErrorUnknownField
	knownMode, err = dec.DecModeWithTags(tags)
	must(err)
}

// must is for the two modes above: they are constants in all but name, and a test builds them.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

// Encode gives the deterministic encoding of t. It fails on values that are no terms. Texts are
// written as they are: one that is not UTF-8 is refused by whoever decodes it.
func Encode(t any) ([]byte, error) {
	b, err := encMode.Marshal(t)
	if err != nil {
		return nil, fmt.Errorf("encode term: %w", err)
	}
	return b, nil
}

// MustEncode is [Encode] for terms that are built from plain values and cannot fail; it panics if one does.
func MustEncode(t any) []byte {
	b, err := Encode(t)
	must(err)
	return b
}

// AppendPid appends what [Encode] gives for a pid.
func AppendPid(b []byte, p abi.Pid) []byte { return p.Append(append(b, pidHead...)) }

// AppendRef appends what [Encode] gives for a ref.
func AppendRef(b []byte, r abi.Ref) []byte { return r.Append(append(b, refHead...)) }

// The heads of pids and refs: a tag of two bytes, and a byte string of 16.
var (
	pidHead = []byte{0xd9, TagPid >> 8, TagPid & 0xff, 0x40 | abi.IDSize}
	refHead = []byte{0xd9, TagRef >> 8, TagRef & 0xff, 0x40 | abi.IDSize}
)

// Decode reads the one term that b holds. It never keeps b. The error wraps [ErrMalformed]:
// b is not one well-formed item, or nests deeper than [MaxDepth], or has a key twice or one that is
// none, an integer beyond [MaxBigIntBytes], or a private tag around anything but its content.
func Decode(b []byte) (any, error) {
	d := decoder{in: b}
	t, err := d.term(0)
	if err != nil {
		return nil, err
	}
	if len(d.in) > 0 {
		return nil, malformed("%d bytes after its end", len(d.in))
	}
	return t, nil
}

// DecodeInto reads b into a Go value as package cbor does; arrays go to structs marked toarray.
// Fields that the value does not have are left out. A part that may be any term belongs into a field
// of type [Raw], to be read with [Decode]: what package cbor puts into an any is not always a term of
// this package. The error wraps [ErrMalformed].
func DecodeInto(b []byte, v any) error {
	if err := decMode.Unmarshal(b, v); err != nil {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return nil
}

// ErrUnknownKey is what [DecodeKnown] gives for a map with a key that the value has no field for.
var ErrUnknownKey = errors.New("unknown key")

// DecodeKnown is [DecodeInto] for what must be understood as a whole: a key that v has no field for, in
// itself or in what it holds, is [ErrUnknownKey], which the error wraps beside [ErrMalformed].
func DecodeKnown(b []byte, v any) error {
	err := knownMode.Unmarshal(b, v)
	var unknown *cbor.UnknownFieldError
	switch {
	case errors.As(err, &unknown):
		return fmt.Errorf("%w: %w: %w", ErrMalformed, ErrUnknownKey, err)
	case err != nil:
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return nil
}
