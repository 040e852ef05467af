package wire

import (
	"bytes"
	"errors"
	"io"
	"testing"
)

func TestStreamKind(t *testing.T) {
	for _, k := range []StreamKind{StreamControl, StreamSignals, StreamModule, StreamTransfer} {
		var b bytes.Buffer
		if err := WriteStreamKind(&b, k); err != nil {
			t.Fatal(err)
		}
		b.WriteString("rest")
		got, err := ReadStreamKind(&b)
		if err != nil || got != k || b.String() != "rest" {
			t.Errorf("%v: read %v, %v, left %q", k, got, err, b.String())
		}
	}
}

func TestStreamKindErrors(t *testing.T) {
	for _, first := range []byte{0, 6, 255} {
		_, err := ReadStreamKind(bytes.NewReader([]byte{first}))
		var pe *ProtocolError
		if !errors.As(err, &pe) || !errors.Is(err, ErrUnknownStream) {
			t.Errorf("first byte %d: %v", first, err)
		}
	}
	if _, err := ReadStreamKind(bytes.NewReader(nil)); !errors.Is(err, io.EOF) {
		t.Errorf("empty stream: %v", err)
	}
	if err := WriteStreamKind(failingWriter{}, StreamControl); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("closed stream: %v", err)
	}
}

type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }
