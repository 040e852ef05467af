package guest

import (
	"bytes"
	"encoding/binary"
	"errors"
)

// moduleMagic starts every module: the magic number and version 1.
var moduleMagic = []byte("\x00asm\x01\x00\x00\x00")

// codeSection is the id of the section with the bodies of the functions (core specification 5.5.13).
const codeSection = 10

// checkpoint is an empty loop: loop, no type, end. At the head of a loop the runtime looks whether
// the process has been told to end.
var checkpoint = []byte{0x03, 0x40, 0x0b}

var errMalformed = errors.New("malformed module")

// harden makes a module safe to run: it puts a checkpoint at the start of every function, and
// bounds the tables. The runtime looks at the heads of loops alone, so that calls without any loop,
// each making two more, could not be stopped. A module that is malformed comes back as it is: the
// compiler says better what is wrong with it. The error is a [*compileError].
func harden(module []byte) ([]byte, error) {
	if !bytes.HasPrefix(module, moduleMagic) {
		return module, nil
	}
	out := append(make([]byte, 0, len(module)+len(module)/16), moduleMagic...)
	for rest := module[len(moduleMagic):]; len(rest) > 0; {
		id := rest[0]
		content, after, err := sized(rest[1:])
		if err == nil {
			content, err = hardenSection(id, content)
		}
		if errors.Is(err, errMalformed) {
			return module, nil
		}
		if err != nil {
			return nil, err
		}
		out = appendSized(append(out, id), content)
		rest = after
	}
	return out, nil
}

func hardenSection(id byte, content []byte) ([]byte, error) {
	switch id {
	case codeSection:
		return addToBodies(content)
	case tableSection:
		return boundTables(content)
	}
	return content, nil
}

// addToBodies rewrites the code section.
func addToBodies(section []byte) ([]byte, error) {
	count, rest, err := number(section)
	if err != nil {
		return nil, err
	}
	out := append(make([]byte, 0, len(section)+len(section)/16), section[:len(section)-len(rest)]...)
	for range count {
		var body []byte
		if body, rest, err = sized(rest); err != nil {
			return nil, err
		}
		code, err := afterLocals(body)
		if err != nil {
			return nil, err
		}
		locals := body[:len(body)-len(code)]
		out = binary.AppendUvarint(out, uint64(len(body)+len(checkpoint)))
		out = append(append(append(out, locals...), checkpoint...), code...)
	}
	if len(rest) > 0 {
		return nil, errMalformed
	}
	return out, nil
}

// afterLocals gives a function's instructions. A declaration of locals is a number and a type of one byte.
func afterLocals(body []byte) ([]byte, error) {
	declarations, rest, err := number(body)
	for range declarations {
		if _, rest, err = number(rest); err != nil || len(rest) == 0 {
			return nil, errMalformed
		}
		rest = rest[1:]
	}
	return rest, err
}

// sized reads a size and as many bytes.
func sized(b []byte) (content, after []byte, err error) {
	size, rest, err := number(b)
	if err != nil || uint64(size) > uint64(len(rest)) {
		return nil, nil, errMalformed
	}
	return rest[:size], rest[size:], nil
}

func appendSized(b, content []byte) []byte {
	return append(binary.AppendUvarint(b, uint64(len(content))), content...)
}

// number reads an unsigned integer of 32 bits in LEB128.
func number(b []byte) (uint32, []byte, error) {
	v, n := binary.Uvarint(b)
	if n <= 0 || n > binary.MaxVarintLen32 || v>>32 != 0 {
		return 0, nil, errMalformed
	}
	return uint32(v), b[n:], nil
}
