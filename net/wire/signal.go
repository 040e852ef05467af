package wire

import (
	"encoding/binary"
	"fmt"
	"unicode/utf8"

	"github.com/wnode/wnode/abi"
)

// DefaultMaxSignalBytes is how large the Data of a signal may be when nothing else is said.
const DefaultMaxSignalBytes = 16 << 20

// MaxNameBytes bounds the Name of a signal.
const MaxNameBytes = 255

// The forms of an id, two bits of the flags.
const (
	formNone  = 0
	formHere  = 1 // of the node that sends the frame
	formThere = 2 // of the node that receives it
	formOther = 3
	formMask  = 3
)

// Where the flags keep what.
const (
	shiftFrom = 0
	shiftTo   = 2
	shiftRef  = 4
	flagName  = 1 << 6
	flagPart  = 1 << 7 // with FeatureLanes: behind the name come a transfer's number and the size of all data
)

// kindPart stands where the kind of a signal does in a frame with more of one that has begun.
const kindPart = 0

// maxID and maxHeader are the largest encodings of an id and of all that stands before Data.
const (
	maxID     = 8 + binary.MaxVarintLen64
	maxHeader = 2 + 3*maxID + binary.MaxVarintLen16 + MaxNameBytes + 1 + binary.MaxVarintLen64
)

// CheckSignal reports what keeps a signal from being sent: Data of more than maxBytes or a name of
// more than [MaxNameBytes] is [abi.ErrTooLarge], a kind of 0 or a name that is no text
// [abi.ErrBadArgument].
func CheckSignal(sig abi.Signal, maxBytes uint64) error {
	switch {
	case uint64(len(sig.Data)) > maxBytes:
		return fmt.Errorf("signal of %d bytes, at most %d: %w", len(sig.Data), maxBytes, abi.ErrTooLarge)
	case len(sig.Name) > MaxNameBytes:
		return fmt.Errorf("name of %d bytes: %w", len(sig.Name), abi.ErrTooLarge)
	case sig.Kind == 0 || !utf8.ValidString(sig.Name):
		return fmt.Errorf("signal of kind %d to %.64q: %w", sig.Kind, sig.Name, abi.ErrBadArgument)
	}
	return nil
}

// AppendSignal appends the frame of a signal that [CheckSignal] lets pass; local is the node that
// sends the frame, remote the one that receives it. The signal and its Data are only read. A Name
// beside a process number is left out, as it says nothing.
func AppendSignal(b []byte, sig abi.Signal, local, remote abi.NodeID) []byte {
	var buf [maxHeader]byte
	return appendFrame(b, appendHeader(buf[:0], sig, local, remote), sig.Data)
}

func appendFrame(b, header, data []byte) []byte {
	b = binary.AppendUvarint(b, uint64(len(header)+len(data)))
	b = append(b, header...)
	return append(b, data...)
}

// appendHeader appends what stands before Data.
func appendHeader(h []byte, sig abi.Signal, local, remote abi.NodeID) []byte {
	h = append(h, byte(sig.Kind), 0)
	var flags byte
	h, form := appendID(h, sig.From.Node, sig.From.Num, local, remote)
	flags |= form << shiftFrom
	h, form = appendID(h, sig.To.Node, sig.To.Num, local, remote)
	flags |= form << shiftTo
	h, form = appendID(h, sig.Ref.Node, sig.Ref.Num, local, remote)
	flags |= form << shiftRef
	if sig.Name != "" && sig.To.Num == 0 {
		flags |= flagName
		h = binary.AppendUvarint(h, uint64(len(sig.Name)))
		h = append(h, sig.Name...)
	}
	h[1] = flags
	return h
}

func appendID(b []byte, node abi.NodeID, num uint64, sender, receiver abi.NodeID) ([]byte, byte) {
	form := formOf(node, num, sender, receiver)
	switch form {
	case formNone:
		return b, form
	case formOther:
		b = binary.LittleEndian.AppendUint64(b, uint64(node))
	}
	return binary.AppendUvarint(b, num), form
}

func formOf(node abi.NodeID, num uint64, sender, receiver abi.NodeID) byte {
	switch {
	case node == 0 && num == 0:
		return formNone
	case node == sender:
		return formHere
	case node == receiver:
		return formThere
	}
	return formOther
}

// header reads what stands before Data. Once it has met something malformed it reads zeros, so
// that a caller need look at bad only at the end.
type header struct {
	b   []byte
	bad bool

	parts    bool // Data comes in parts
	transfer uint8
	size     uint64 // of all Data then
}

func (h *header) byte() byte {
	if len(h.b) == 0 {
		h.bad = true
		return 0
	}
	c := h.b[0]
	h.b = h.b[1:]
	return c
}

func (h *header) uvarint() uint64 {
	x, n := uvarint(h.b)
	if n == 0 {
		h.bad, h.b = true, nil
		return 0
	}
	h.b = h.b[n:]
	return x
}

func (h *header) id(form byte, sender, receiver abi.NodeID) (node abi.NodeID, num uint64) {
	switch form {
	case formNone:
		return 0, 0
	case formHere:
		node = sender
	case formThere:
		node = receiver
	case formOther:
		if len(h.b) < 8 {
			h.bad, h.b = true, nil
			return 0, 0
		}
		node = abi.NodeID(binary.LittleEndian.Uint64(h.b))
		h.b = h.b[8:]
	}
	num = h.uvarint()
	if formOf(node, num, sender, receiver) != form {
		h.bad = true
	}
	return node, num
}

// name gives bytes of the input, to be copied.
func (h *header) name() []byte {
	n := h.uvarint()
	if n == 0 || n > MaxNameBytes || n > uint64(len(h.b)) {
		h.bad = true
		return nil
	}
	name := h.b[:n]
	h.b = h.b[n:]
	if !utf8.Valid(name) {
		h.bad = true
	}
	return name
}
