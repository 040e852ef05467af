package ship

import (
	"encoding/binary"
	"fmt"
	"io"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
	"github.com/wnode/wnode/net/wire"
)

// status is what an answer begins with. The numbers are part of the wire format.
type status uint8

const (
	statusOK       status = 0
	statusNotFound status = 1
	statusTooLarge status = 2
	statusBusy     status = 3
	statusFailed   status = 4
	statusWait     status = 5 // in maps only: another answer follows
)

// Bounds of requests and answers.
const (
	requestSize = abi.HashSize + 8
	answerSize  = 1 + 8

	// MaxMessageBytes bounds a request and an answer that are maps.
	MaxMessageBytes = 1024
	// MaxNodes bounds the nodes that an answer names.
	MaxNodes = 16
)

// request asks for one module.
type request struct {
	hash   abi.Hash
	limit  uint64
	offset uint64 // of the first byte that is wanted
	ask    bool   // only whether the module is there
	// Of a question: the node that is to send the module, which is the requester itself when it waits no more, 0 when it
	// does not say; and the size of the module, 0 when it does not know that. offset is how much of it is there.
	from abi.NodeID
	size uint64
}

type requestMap struct {
	Hash   []byte     `cbor:"1,keyasint"`
	Limit  uint64     `cbor:"2,keyasint"`
	Offset uint64     `cbor:"3,keyasint,omitempty"`
	Ask    bool       `cbor:"4,keyasint,omitempty"`
	From   abi.NodeID `cbor:"5,keyasint,omitempty"`
	Size   uint64     `cbor:"6,keyasint,omitempty"`
}

func (q request) append(b []byte, form Form) []byte {
	if form == FormMaps {
		return appendMap(b, requestMap{q.hash[:], q.limit, q.offset, q.ask, q.from, q.size})
	}
	b = append(b, q.hash[:]...)
	return binary.LittleEndian.AppendUint64(b, q.limit)
}

func readRequest(r io.Reader, form Form) (request, error) {
	if form == FormMaps {
		m, err := readMap[requestMap](r, "read request")
		if err == nil && len(m.Hash) != abi.HashSize {
			err = malformed(form, "read request", fmt.Errorf("a hash of %d bytes", len(m.Hash)))
		}
		if err != nil {
			return request{}, err
		}
		return request{abi.Hash(m.Hash), m.Limit, m.Offset, m.Ask, m.From, m.Size}, nil
	}
	var b [requestSize]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return request{}, fmt.Errorf("read request: %w", cutShort(err))
	}
	return request{hash: abi.Hash(b[:abi.HashSize]), limit: binary.LittleEndian.Uint64(b[abi.HashSize:])}, nil
}

// answer is what comes before the body.
type answer struct {
	status status
	size   uint64       // of the whole module
	offset uint64       // where the body begins: what was asked for, or 0
	nodes  []abi.NodeID // that have the module, or are about to
	idle   uint64       // seconds since something of the module moved on its way to who waits
	every  uint64       // seconds at most until who waits hears of that again
}

// oldEvery is how often nodes tell who do not say how often they do, in seconds.
const oldEvery = 5

type answerMap struct {
	Status uint8        `cbor:"1,keyasint"`
	Size   uint64       `cbor:"2,keyasint,omitempty"`
	Offset uint64       `cbor:"3,keyasint,omitempty"`
	Nodes  []abi.NodeID `cbor:"4,keyasint,omitempty"`
	Idle   uint64       `cbor:"5,keyasint,omitempty"`
	Every  uint64       `cbor:"6,keyasint,omitempty"`
}

func (a answer) append(b []byte, form Form) []byte {
	if form == FormMaps {
		return appendMap(b, answerMap{uint8(a.status), a.size, a.offset, a.nodes, a.idle, a.every})
	}
	return binary.LittleEndian.AppendUint64(append(b, byte(a.status)), a.size)
}

func readAnswer(r io.Reader, form Form) (answer, error) {
	if form == FormMaps {
		m, err := readMap[answerMap](r, "read answer")
		switch {
		case err != nil:
			return answer{}, err
		case len(m.Nodes) > MaxNodes:
			return answer{}, malformed(form, "read answer", fmt.Errorf("%d nodes", len(m.Nodes)))
		case m.Offset > m.Size:
			return answer{}, malformed(form, "read answer", fmt.Errorf("from byte %d of %d on", m.Offset, m.Size))
		}
		return answer{status(m.Status), m.Size, m.Offset, m.Nodes, m.Idle, m.Every}, nil
	}
	var b [answerSize]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return answer{}, fmt.Errorf("read answer: %w", cutShort(err))
	}
	return answer{status: status(b[0]), size: binary.LittleEndian.Uint64(b[1:])}, nil
}

// err gives what a status other than ok means to the requester.
func (a answer) err(form Form) error {
	switch a.status {
	case statusOK:
		return nil
	case statusNotFound:
		return ErrNotFound
	case statusTooLarge:
		return fmt.Errorf("%w: %d bytes", ErrTooLarge, a.size)
	case statusBusy:
		return &BusyError{a.nodes}
	case statusFailed:
		return ErrFailed
	}
	return malformed(form, "read answer", fmt.Errorf("status %d", a.status))
}

func malformed(form Form, doing string, err error) error {
	return &wire.ProtocolError{Stream: form.stream(), Doing: doing, Err: fmt.Errorf("%w: %w", wire.ErrMalformed, err)}
}

// appendMap appends a map behind its length, as u16.
func appendMap(b []byte, m any) []byte {
	body := term.MustEncode(m)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(body)))
	return append(b, body...)
}

// readMap reads what appendMap writes, and nothing behind it.
func readMap[M any](r io.Reader, doing string) (m M, err error) {
	var head [2]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return m, fmt.Errorf("%s: %w", doing, cutShort(err))
	}
	size := binary.LittleEndian.Uint16(head[:])
	if size > MaxMessageBytes {
		return m, malformed(FormMaps, doing, fmt.Errorf("%d bytes", size))
	}
	body := make([]byte, size)
	if _, err := io.ReadFull(r, body); err != nil {
		return m, fmt.Errorf("%s: %w", doing, cutShort(err))
	}
	// The CBOR decoder would leave m alone for null, so it is told apart here.
	const majorMap = 5
	if len(body) == 0 || body[0]>>5 != majorMap {
		return m, malformed(FormMaps, doing, fmt.Errorf("it is no map"))
	}
	if err := term.DecodeInto(body, &m); err != nil {
		return m, malformed(FormMaps, doing, err)
	}
	return m, nil
}
