package wire

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
)

var errUvarint = fmt.Errorf("%w: bad uvarint", ErrMalformed)

// readUvarint reads a uvarint in its shortest form. The error is errUvarint, or the reader's, with
// the end of the stream as [io.ErrUnexpectedEOF].
func readUvarint(r *bufio.Reader) (uint64, error) {
	var b [binary.MaxVarintLen64]byte
	for i := range b {
		c, err := r.ReadByte()
		if err != nil {
			return 0, unexpectedEOF(err)
		}
		b[i] = c
		if c < 0x80 {
			x, n := uvarint(b[:i+1])
			if n == 0 {
				return 0, errUvarint
			}
			return x, nil
		}
	}
	return 0, errUvarint
}

// uvarint is [binary.Uvarint] for the shortest form only; n is 0 when b does not begin with one.
func uvarint(b []byte) (x uint64, n int) {
	x, n = binary.Uvarint(b)
	if n <= 0 || n > 1 && b[n-1] == 0 {
		return 0, 0
	}
	return x, n
}

// unexpectedEOF is for reads inside a frame, where no end of the stream is a clean one.
func unexpectedEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
