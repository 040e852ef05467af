package wire

import (
	"bufio"
	"fmt"
	"io"

	"github.com/wnode/wnode/abi"
)

// DecoderOptions says whose signals a [Decoder] reads.
type DecoderOptions struct {
	Local  abi.NodeID // the node that reads
	Remote abi.NodeID // the node that wrote
	// MaxSignalBytes bounds the Data of a signal. 0 means DefaultMaxSignalBytes.
	MaxSignalBytes uint64
}

// Decoder reads the signals of one stream. It is for one goroutine.
type Decoder struct {
	r     *bufio.Reader
	opts  DecoderOptions
	names map[string]string
}

// maxNames bounds the names that a Decoder remembers in order not to allocate them anew.
const maxNames = 64

// firstRead bounds what is allocated for Data before a byte of it has arrived: a length is a claim only.
const firstRead = 64 << 10

// NewDecoder reads from r, behind the stream's first byte. A [*bufio.Reader] of 4 KiB or more is
// used as it is; of any other reader more may be read than the signals that were asked for.
func NewDecoder(r io.Reader, o DecoderOptions) *Decoder {
	if o.MaxSignalBytes == 0 {
		o.MaxSignalBytes = DefaultMaxSignalBytes
	}
	return &Decoder{r: bufio.NewReaderSize(r, 4096), opts: o, names: make(map[string]string)}
}

// Next reads one signal; its Data is a fresh slice that belongs to the caller, nil when empty. It
// allocates nothing else but names that it has not met lately.
//
// The error is [io.EOF] when the stream ends between signals; it wraps [io.ErrUnexpectedEOF] when
// it ends inside one, and is a [*ProtocolError] with [ErrMalformed], [ErrFrameTooLarge] or
// [ErrMisrouted] when the peer broke the rules. After an error the Decoder is of no further use.
func (d *Decoder) Next() (abi.Signal, error) {
	if _, err := d.r.Peek(1); err != nil {
		if err == io.EOF {
			return abi.Signal{}, err
		}
		return abi.Signal{}, fmt.Errorf("read signal: %w", err)
	}
	size, err := readUvarint(d.r)
	if err == errUvarint {
		return abi.Signal{}, signalError(err)
	}
	if err != nil {
		return abi.Signal{}, fmt.Errorf("read signal: %w", err)
	}
	// Subtracting cannot wrap as adding to a limit near 2^64 would.
	if size > maxHeader && size-maxHeader > d.opts.MaxSignalBytes {
		return abi.Signal{}, d.tooLarge(size)
	}
	return d.body(size)
}

func (d *Decoder) body(size uint64) (abi.Signal, error) {
	head, err := d.r.Peek(int(min(size, maxHeader)))
	if err != nil {
		return abi.Signal{}, fmt.Errorf("read signal: %w", unexpectedEOF(err))
	}
	sig, n, err := d.header(head)
	if err != nil {
		return abi.Signal{}, err
	}
	if _, err := d.r.Discard(n); err != nil {
		return abi.Signal{}, fmt.Errorf("read signal: %w", err)
	}
	rest := size - uint64(n)
	if rest > d.opts.MaxSignalBytes {
		return abi.Signal{}, d.tooLarge(size)
	}
	if sig.Data, err = readData(d.r, rest); err != nil {
		return abi.Signal{}, fmt.Errorf("read signal: %w", err)
	}
	return sig, nil
}

// header parses b, which is the whole body or as much of it as a header can be long.
func (d *Decoder) header(b []byte) (abi.Signal, int, error) {
	h := header{b: b}
	sig := abi.Signal{Kind: abi.SignalKind(h.byte())}
	flags := h.byte()
	from, to := d.opts.Remote, d.opts.Local
	sig.From.Node, sig.From.Num = h.id(flags>>shiftFrom&formMask, from, to)
	sig.To.Node, sig.To.Num = h.id(flags>>shiftTo&formMask, from, to)
	sig.Ref.Node, sig.Ref.Num = h.id(flags>>shiftRef&formMask, from, to)
	var name []byte
	if flags&flagName != 0 {
		name = h.name()
		h.bad = h.bad || sig.To.Num != 0
	}
	if h.bad || sig.Kind == 0 || flags&flagsUnused != 0 {
		return abi.Signal{}, 0, signalError(ErrMalformed)
	}
	if !sig.From.IsZero() && sig.From.Node != from || sig.To.Node != to {
		return abi.Signal{}, 0, signalError(ErrMisrouted)
	}
	if name != nil {
		sig.Name = d.intern(name)
	}
	return sig, len(b) - len(h.b), nil
}

// intern gives name as a string. A link talks to few names over and over.
func (d *Decoder) intern(name []byte) string {
	if s, ok := d.names[string(name)]; ok {
		return s
	}
	if len(d.names) == maxNames {
		clear(d.names)
	}
	s := string(name)
	d.names[s] = s
	return s
}

// readData reads n bytes into memory that grows no further than twice what has arrived.
func readData(r io.Reader, n uint64) ([]byte, error) {
	if n == 0 {
		return nil, nil
	}
	data := make([]byte, min(n, firstRead))
	for read := 0; ; {
		if _, err := io.ReadFull(r, data[read:]); err != nil {
			return nil, unexpectedEOF(err)
		}
		read = len(data)
		if uint64(read) == n {
			return data, nil
		}
		grown := make([]byte, min(n, 2*uint64(read)))
		copy(grown, data)
		data = grown
	}
}

func (d *Decoder) tooLarge(size uint64) error {
	return signalError(fmt.Errorf("%w: %d bytes, at most %d", ErrFrameTooLarge, size, d.opts.MaxSignalBytes))
}

func signalError(err error) error {
	return &ProtocolError{Stream: StreamSignals, Doing: "decode signal", Err: err}
}
