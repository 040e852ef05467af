package wire

import (
	"bufio"
	"fmt"
	"io"
	"runtime"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/internal/stepwise"
)

// DecoderOptions says whose signals a [Decoder] reads.
type DecoderOptions struct {
	Local  abi.NodeID // the node that reads
	Remote abi.NodeID // the node that wrote
	// MaxSignalBytes bounds the Data of a signal. 0 means DefaultMaxSignalBytes.
	MaxSignalBytes uint64
	// Laned says that the stream is of kind [StreamLane], for the senders of Lane.
	Laned bool
	Lane  int
	// Room is the memory for Data of more than 64 KiB. nil: there is no end of it.
	Room Room
}

// Room is the memory for signals that have begun to come. It is called by who calls the [Decoder].
type Room interface {
	// Take takes so many bytes more, and may wait for them. The Decoder ends with its error.
	Take(bytes uint64) error
	// Release gives back what was taken.
	Release(bytes uint64)
}

// Decoder reads the signals of one stream. It is for one goroutine.
type Decoder struct {
	r     *bufio.Reader
	opts  DecoderOptions
	names map[string]string

	partials [MaxTransfers]partial // by the number of the transfer; none where the stream is no lane
	returned uint64                // bytes of the room that the last signal has
}

// growth is how many times what has arrived of Data may be allocated for the rest of it.
const growth = 4

// maxNames bounds the names that a Decoder remembers in order not to allocate them anew.
const maxNames = 64

// firstRead bounds what is allocated for Data before a byte of it has arrived: a length is a claim only. No room is
// asked for Data of no more than that.
const firstRead = 64 << 10

// readBuffer is how much is read at a time: some ten packets.
const readBuffer = 16 << 10

// NewDecoder reads from r, behind the stream's first byte. A [*bufio.Reader] of 16 KiB or more is
// used as it is; of any other reader more may be read than the signals that were asked for.
func NewDecoder(r io.Reader, o DecoderOptions) *Decoder {
	if o.MaxSignalBytes == 0 {
		o.MaxSignalBytes = DefaultMaxSignalBytes
	}
	return &Decoder{r: bufio.NewReaderSize(r, readBuffer), opts: o, names: make(map[string]string)}
}

// Next reads one signal, the next that is whole; its Data is a fresh slice that belongs to the caller, nil when empty.
// It allocates nothing else but names that it has not met lately.
//
// The error is [io.EOF] when the stream ends between signals; it wraps [io.ErrUnexpectedEOF] when
// it ends inside one, and is a [*ProtocolError] with [ErrMalformed], [ErrFrameTooLarge], [ErrUnexpectedFrame],
// [ErrMisrouted] or [ErrWrongLane] when the peer broke the rules, or that of the room. After an error the Decoder is of no
// further use, and what it has of the room remains for its owner to release.
func (d *Decoder) Next() (abi.Signal, error) {
	for {
		sig, whole, err := d.frame()
		if err != nil || whole {
			return sig, err
		}
	}
}

// Release gives back what the signal that [Decoder.Next] gave last has of the room: who has it counts it from now on. Without
// it nothing is given back.
func (d *Decoder) Release() {
	if d.returned > 0 {
		d.opts.Room.Release(d.returned)
		d.returned = 0
	}
}

// frame reads one frame. whole is false when there is more of its signal to come.
func (d *Decoder) frame() (sig abi.Signal, whole bool, err error) {
	if sig, whole, err = d.buffered(); whole || err != nil {
		return sig, whole, err
	}
	if _, err := d.r.Peek(1); err != nil {
		if err == io.EOF && !d.unfinished() {
			return sig, false, err
		}
		return sig, false, fmt.Errorf("read signal: %w", unexpectedEOF(err))
	}
	size, err := readUvarint(d.r)
	if err == errUvarint {
		return sig, false, d.failed(err)
	}
	if err != nil {
		return sig, false, fmt.Errorf("read signal: %w", err)
	}
	// Subtracting cannot wrap as adding to a limit near 2^64 would.
	if size > maxHeader && size-maxHeader > d.opts.MaxSignalBytes {
		return sig, false, d.tooLarge(size)
	}
	return d.body(size)
}

// buffered reads a signal that is there as a whole; whole is false for anything else, of which nothing is read then.
// Most signals are small and come many at a time.
func (d *Decoder) buffered() (sig abi.Signal, whole bool, err error) {
	b, err := d.r.Peek(d.r.Buffered())
	if err != nil {
		return sig, false, nil
	}
	size, n := uvarint(b)
	if n == 0 || size == 0 || size > uint64(len(b)-n) || b[n] == kindPart {
		return sig, false, nil
	}
	body := b[n : n+int(size)]
	sig, h, err := d.header(body[:min(len(body), maxHeader)])
	if err != nil || h.parts {
		return abi.Signal{}, false, err
	}
	data := body[min(len(body), maxHeader)-len(h.b):]
	if uint64(len(data)) > d.opts.MaxSignalBytes {
		return abi.Signal{}, false, d.tooLarge(size)
	}
	if len(data) > 0 {
		sig.Data = append(make([]byte, 0, len(data)), data...)
	}
	if _, err := d.r.Discard(n + len(body)); err != nil {
		return abi.Signal{}, false, fmt.Errorf("read signal: %w", err)
	}
	return sig, true, nil
}

func (d *Decoder) body(size uint64) (abi.Signal, bool, error) {
	head, err := d.r.Peek(int(min(size, maxHeader)))
	if err != nil {
		return abi.Signal{}, false, fmt.Errorf("read signal: %w", unexpectedEOF(err))
	}
	if d.opts.Laned && len(head) > 0 && head[0] == kindPart {
		return d.part(size)
	}
	sig, h, err := d.header(head)
	if err != nil {
		return abi.Signal{}, false, err
	}
	n := len(head) - len(h.b)
	if _, err := d.r.Discard(n); err != nil {
		return abi.Signal{}, false, fmt.Errorf("read signal: %w", err)
	}
	rest := size - uint64(n)
	if h.parts {
		return abi.Signal{}, false, d.begin(sig, h.transfer, h.size, rest)
	}
	if rest > d.opts.MaxSignalBytes {
		return abi.Signal{}, false, d.tooLarge(size)
	}
	if sig.Data, err = d.readData(nil, rest, rest); err != nil {
		return abi.Signal{}, false, fmt.Errorf("read signal: %w", err)
	}
	d.whole(rest)
	return sig, true, nil
}

// header parses b, which is the whole body or as much of it as a header can be long.
func (d *Decoder) header(b []byte) (abi.Signal, header, error) {
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
	if h.parts = flags&flagPart != 0; h.parts {
		h.bad = h.bad || !d.opts.Laned
		h.transfer, h.size = h.byte(), h.uvarint()
	}
	if h.bad || sig.Kind == 0 {
		return abi.Signal{}, h, d.failed(ErrMalformed)
	}
	if !sig.From.IsZero() && sig.From.Node != from || sig.To.Node != to {
		return abi.Signal{}, h, d.failed(ErrMisrouted)
	}
	if d.opts.Laned && LaneOf(sig.From.Num) != d.opts.Lane {
		return abi.Signal{}, h, d.failed(ErrWrongLane)
	}
	if name != nil {
		sig.Name = d.intern(name)
	}
	return sig, h, nil
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

// readData appends n bytes to data, of which there will be size in all. Memory grows no further than growth times what
// has arrived.
func (d *Decoder) readData(data []byte, n, size uint64) ([]byte, error) {
	for end := uint64(len(data)) + n; uint64(len(data)) < end; {
		if len(data) == cap(data) {
			grown, err := d.grow(data, size)
			if err != nil {
				return nil, err
			}
			data = grown
		}
		have := len(data)
		data = data[:min(end, uint64(cap(data)))]
		if _, err := io.ReadFull(d.r, data[have:]); err != nil {
			return nil, unexpectedEOF(err)
		}
	}
	return data, nil
}

// grow gives data with more memory behind it, of which the room is asked when there will be much in all.
func (d *Decoder) grow(data []byte, size uint64) ([]byte, error) {
	more := min(size, max(firstRead, growth*uint64(len(data))))
	if size > firstRead && d.opts.Room != nil {
		if err := d.opts.Room.Take(more - uint64(cap(data))); err != nil {
			return nil, err
		}
	}
	grown := make([]byte, len(data), more)
	stepwise.Copy(grown, data, runtime.Gosched)
	return grown, nil
}

// whole notes that all Data of a signal have come, and that memory is all that they have.
func (d *Decoder) whole(size uint64) {
	if size > firstRead && d.opts.Room != nil {
		d.returned += size
	}
}

func (d *Decoder) tooLarge(size uint64) error {
	return d.failed(fmt.Errorf("%w: %d bytes, at most %d", ErrFrameTooLarge, size, d.opts.MaxSignalBytes))
}

func (d *Decoder) failed(err error) error {
	kind := StreamSignals
	if d.opts.Laned {
		kind = StreamLane
	}
	return &ProtocolError{Stream: kind, Doing: "decode signal", Err: err}
}
