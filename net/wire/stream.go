package wire

import (
	"fmt"
	"io"
)

// StreamKind says what a stream carries: it is the stream's first byte.
type StreamKind uint8

// The kinds of streams.
const (
	StreamControl  StreamKind = 1 // control frames, one stream per link
	StreamSignals  StreamKind = 2 // signal frames, one direction
	StreamModule   StreamKind = 3 // one module transfer
	StreamLane     StreamKind = 4 // with [FeatureLanes], in place of StreamSignals: the signals of one lane
	StreamTransfer StreamKind = 5 // with [FeatureTransfer], one module transfer that can go on where another stopped
)

// The features, which count when the Hellos of both sides have them.
const (
	FeatureLanes    = "lanes"    // signals go over [Lanes] streams of kind [StreamLane] in each direction, and large ones in parts
	FeatureTransfer = "transfer" // modules can be asked for on streams of the kind [StreamTransfer]
)

// String gives the kind in words.
func (k StreamKind) String() string {
	switch k {
	case StreamControl:
		return "control"
	case StreamSignals:
		return "signals"
	case StreamModule:
		return "module"
	case StreamLane:
		return "lane"
	case StreamTransfer:
		return "transfer"
	}
	return fmt.Sprintf("stream kind %d", uint8(k))
}

// WriteStreamKind opens a stream: it writes the first byte.
func WriteStreamKind(w io.Writer, k StreamKind) error {
	if _, err := w.Write([]byte{byte(k)}); err != nil {
		return fmt.Errorf("open %v stream: %w", k, err)
	}
	return nil
}

// ReadStreamKind reads the first byte of a stream, and no more. A kind that this version does not
// know is a [ProtocolError] with [ErrUnknownStream]: reset that stream, keep the link.
func ReadStreamKind(r io.Reader) (StreamKind, error) {
	var b [1]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return 0, fmt.Errorf("read stream kind: %w", err)
	}
	k := StreamKind(b[0])
	if k < StreamControl || k > StreamTransfer {
		return k, &ProtocolError{Stream: k, Doing: "open", Err: ErrUnknownStream}
	}
	return k, nil
}
