package wire

import (
	"encoding/binary"
	"fmt"
	"io"

	"github.com/wnode/wnode/abi"
)

// Bounds of [FeatureLanes].
const (
	Lanes        = 4
	MaxTransfers = 2 // large signals of a lane that have begun and not ended
)

// LaneOf gives the lane of all signals of one sender, so that they stay in order. Numbers that follow each
// other, or are all even, are spread over all lanes; the node itself, number 0, has lane 0.
func LaneOf(sender uint64) int { return int(sender * 0x9e3779b97f4a7c15 >> 62) }

// WriteLane opens a stream for a lane: it writes the first two bytes.
func WriteLane(w io.Writer, lane int) error {
	if _, err := w.Write([]byte{byte(StreamLane), byte(lane)}); err != nil {
		return fmt.Errorf("open lane %d: %w", lane, err)
	}
	return nil
}

// ReadLane reads what stands behind the kind of a lane's stream. A lane that there is not is a
// [ProtocolError] with [ErrUnknownStream]: reset that stream, keep the link.
func ReadLane(r io.Reader) (int, error) {
	var b [1]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return 0, fmt.Errorf("read number of lane: %w", err)
	}
	if b[0] >= Lanes {
		return 0, &ProtocolError{Stream: StreamLane, Doing: fmt.Sprintf("open lane %d", b[0]), Err: ErrUnknownStream}
	}
	return int(b[0]), nil
}

// AppendFirstPart appends the frame that begins a signal in parts: its header, the number of the transfer, which no
// other one of the lane has, the size of all Data and the first bytes of it, of which there are 1 at least and not all.
// Else it is [AppendSignal]. [AppendPart] goes on.
func AppendFirstPart(b []byte, sig abi.Signal, transfer uint8, bytes int, local, remote abi.NodeID) []byte {
	var buf [maxHeader]byte
	h := appendHeader(buf[:0], sig, local, remote)
	h[1] |= flagPart
	h = append(h, transfer)
	h = binary.AppendUvarint(h, uint64(len(sig.Data)))
	return appendFrame(b, h, sig.Data[:bytes])
}

// AppendPart appends the frame with the next bytes of a signal in parts, 1 at least. With the last byte of its Data the
// signal has been sent, and its transfer's number is free.
func AppendPart(b []byte, transfer uint8, part []byte) []byte {
	return appendFrame(b, []byte{kindPart, transfer}, part)
}

// partial is a signal of which there is more to come.
type partial struct {
	sig  abi.Signal // Data: what has come
	size uint64     // of all Data; 0: there is no such transfer
}

// begin takes in the first part of a signal, of so many bytes.
func (d *Decoder) begin(sig abi.Signal, transfer uint8, size, bytes uint64) error {
	if transfer >= MaxTransfers || d.partials[transfer].size != 0 {
		return d.failed(fmt.Errorf("%w: transfer %d begins", ErrUnexpectedFrame, transfer))
	}
	if size > d.opts.MaxSignalBytes {
		return d.tooLarge(size)
	}
	if bytes == 0 || bytes >= size {
		return d.failed(fmt.Errorf("%w: %d bytes of a signal of %d bytes", ErrMalformed, bytes, size))
	}
	data, err := d.readData(nil, bytes, size)
	if err != nil {
		return fmt.Errorf("read signal: %w", err)
	}
	sig.Data = data
	d.partials[transfer] = partial{sig, size}
	return nil
}

// part takes in a frame with more of a signal; whole is true when that was all of it.
func (d *Decoder) part(size uint64) (sig abi.Signal, whole bool, err error) {
	var head [2]byte
	if _, err := io.ReadFull(d.r, head[:min(size, 2)]); err != nil {
		return sig, false, fmt.Errorf("read signal: %w", unexpectedEOF(err))
	}
	transfer := head[1]
	if size <= uint64(len(head)) {
		return sig, false, d.failed(fmt.Errorf("%w: a part without bytes", ErrMalformed))
	}
	if transfer >= MaxTransfers || d.partials[transfer].size == 0 {
		return sig, false, d.failed(fmt.Errorf("%w: transfer %d goes on", ErrUnexpectedFrame, transfer))
	}
	p, bytes := &d.partials[transfer], size-uint64(len(head))
	have := uint64(len(p.sig.Data))
	if bytes > p.size-have {
		return sig, false, d.failed(fmt.Errorf("%w: %d bytes more than the signal has", ErrMalformed, bytes-(p.size-have)))
	}
	if p.sig.Data, err = d.readData(p.sig.Data, bytes, p.size); err != nil {
		return sig, false, fmt.Errorf("read signal: %w", err)
	}
	if have+bytes < p.size {
		return sig, false, nil
	}
	d.whole(p.size)
	sig, *p = p.sig, partial{}
	return sig, true, nil
}

// unfinished reports whether there is a signal of which more has to come.
func (d *Decoder) unfinished() bool {
	for _, p := range d.partials {
		if p.size != 0 {
			return true
		}
	}
	return false
}
