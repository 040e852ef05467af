package wire

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/wnode/wnode/abi/term"
)

// MaxFrameBytes bounds the body of a control frame.
const MaxFrameBytes = 64 << 10

// MaxTextBytes bounds the texts of [Refuse] and [Goodbye].
const MaxTextBytes = 256

// FrameType is the first byte of a control frame.
type FrameType uint8

// The types of control frames.
const (
	TypeHello   FrameType = 1
	TypeReady   FrameType = 2
	TypeRefuse  FrameType = 3
	TypePing    FrameType = 4
	TypePong    FrameType = 5
	TypeGoodbye FrameType = 6

	// Skippable marks the types that a reader who does not know them passes over.
	Skippable FrameType = 0x80
)

// String gives the type in words.
func (t FrameType) String() string {
	names := [...]string{"", "hello", "ready", "refuse", "ping", "pong", "goodbye"}
	if t >= TypeHello && t <= TypeGoodbye {
		return names[t]
	}
	return fmt.Sprintf("frame type %d", uint8(t))
}

// Frame is one control frame: [Hello], [Ready], [Refuse], [Ping], [Pong] or [Goodbye], as values.
type Frame interface {
	Type() FrameType
	check() error // bounds and shape, asked of frames both written and read
}

// Ready accepts the responder's Hello and opens the link.
type Ready struct{}

// Refuse ends the hello phase without a link. It is the last frame of its side.
type Refuse struct {
	Code RefuseCode `cbor:"1,keyasint"`
	Text string     `cbor:"2,keyasint,omitempty"` // detail for people
}

// Ping asks for a [Pong] with the same token. Pongs come in the order of the pings.
type Ping struct {
	Token uint64 `cbor:"1,keyasint"`
}

// Pong answers a [Ping].
type Pong struct {
	Token uint64 `cbor:"1,keyasint"`
}

// Goodbye ends an open link in good order. It is the last frame of its side.
type Goodbye struct {
	Reason string `cbor:"1,keyasint,omitempty"` // for people
}

// Type is [TypeReady].
func (Ready) Type() FrameType { return TypeReady }

// Type is [TypeRefuse].
func (Refuse) Type() FrameType { return TypeRefuse }

// Type is [TypePing].
func (Ping) Type() FrameType { return TypePing }

// Type is [TypePong].
func (Pong) Type() FrameType { return TypePong }

// Type is [TypeGoodbye].
func (Goodbye) Type() FrameType { return TypeGoodbye }

func (Ready) check() error     { return nil }
func (Ping) check() error      { return nil }
func (Pong) check() error      { return nil }
func (g Goodbye) check() error { return checkText(g.Reason) }

func (r Refuse) check() error {
	if r.Code == 0 {
		return fmt.Errorf("refuse code 0")
	}
	return checkText(r.Text)
}

func checkText(s string) error {
	if len(s) > MaxTextBytes || !utf8.ValidString(s) {
		return fmt.Errorf("text of %d bytes", len(s))
	}
	return nil
}

// clipText makes any string fit for a frame: valid UTF-8 of at most MaxTextBytes.
func clipText(s string) string {
	return strings.ToValidUTF8(s[:min(len(s), MaxTextBytes)], "")
}

// AppendFrame appends the encoding of f to b. It fails with [ErrMalformed] or [ErrFrameTooLarge]
// when a peer would refuse the frame; then b is returned as it was.
func AppendFrame(b []byte, f Frame) ([]byte, error) {
	if err := f.check(); err != nil {
		return b, fmt.Errorf("encode %v: %w: %w", f.Type(), ErrMalformed, err)
	}
	body, err := term.Encode(f)
	if err != nil {
		return b, fmt.Errorf("encode %v: %w", f.Type(), err)
	}
	if len(body) > MaxFrameBytes {
		return b, fmt.Errorf("encode %v: %w: %d bytes", f.Type(), ErrFrameTooLarge, len(body))
	}
	b = append(b, byte(f.Type()))
	b = binary.AppendUvarint(b, uint64(len(body)))
	return append(b, body...), nil
}

// ReadFrame reads the next control frame and passes over those that it does not know and may skip.
// The error is [io.EOF] when the stream ends between frames; it wraps [io.ErrUnexpectedEOF] when it
// ends inside one, and is a [*ProtocolError] when the peer broke the rules.
func ReadFrame(r *bufio.Reader) (Frame, error) {
	for {
		first, err := r.ReadByte()
		if err == io.EOF {
			return nil, err
		}
		if err != nil {
			return nil, fmt.Errorf("read control frame: %w", err)
		}
		t := FrameType(first)
		f, err := readBody(r, t)
		if err != nil || f != nil {
			return f, err
		}
	}
}

// readBody gives nil for a frame that was passed over.
func readBody(r *bufio.Reader, t FrameType) (Frame, error) {
	n, err := readUvarint(r)
	if err != nil {
		return nil, frameError(t, err)
	}
	if n > MaxFrameBytes {
		return nil, controlError(t, fmt.Errorf("%w: %d bytes", ErrFrameTooLarge, n))
	}
	if t.known() {
		body := make([]byte, n)
		if _, err := io.ReadFull(r, body); err != nil {
			return nil, frameError(t, unexpectedEOF(err))
		}
		return parseFrame(t, body)
	}
	if t&Skippable == 0 {
		return nil, controlError(t, ErrUnknownFrame)
	}
	if _, err := r.Discard(int(n)); err != nil {
		return nil, frameError(t, unexpectedEOF(err))
	}
	return nil, nil
}

func (t FrameType) known() bool { return t >= TypeHello && t <= TypeGoodbye }

func parseFrame(t FrameType, body []byte) (Frame, error) {
	switch t {
	case TypeHello:
		return parseBody[Hello](body)
	case TypeReady:
		return parseBody[Ready](body)
	case TypeRefuse:
		return parseBody[Refuse](body)
	case TypePing:
		return parseBody[Ping](body)
	case TypePong:
		return parseBody[Pong](body)
	case TypeGoodbye:
		return parseBody[Goodbye](body)
	}
	return nil, controlError(t, ErrUnknownFrame)
}

func parseBody[F Frame](body []byte) (Frame, error) {
	var f F
	// The CBOR decoder would leave f alone for null, so it is told apart here.
	const majorMap = 5
	if len(body) == 0 || body[0]>>5 != majorMap {
		return nil, controlError(f.Type(), fmt.Errorf("%w: the body is no map", ErrMalformed))
	}
	if err := term.DecodeInto(body, &f); err != nil {
		return nil, controlError(f.Type(), fmt.Errorf("%w: %w", ErrMalformed, err))
	}
	if err := f.check(); err != nil {
		return nil, controlError(f.Type(), fmt.Errorf("%w: %w", ErrMalformed, err))
	}
	return f, nil
}

func controlError(t FrameType, err error) error {
	return &ProtocolError{Stream: StreamControl, Doing: "decode " + t.String(), Err: err}
}

// frameError tells what readUvarint found wrong from a failure of the stream.
func frameError(t FrameType, err error) error {
	if err == errUvarint {
		return controlError(t, err)
	}
	return fmt.Errorf("read %v: %w", t, err)
}
