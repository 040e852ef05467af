package wire

import (
	"errors"
	"fmt"
	"testing"
)

// The codes and the sentinels are one to one.
func TestRefuseCodes(t *testing.T) {
	want := map[RefuseCode]error{
		RefuseNameInUse:    ErrNameInUse,
		RefuseVersion:      ErrVersionMismatch,
		RefuseSelf:         ErrSelfConnect,
		RefuseDuplicate:    ErrDuplicateLink,
		RefuseSimultaneous: ErrSimultaneousConnect,
		RefuseShuttingDown: ErrShuttingDown,
		RefuseTooManyLinks: ErrTooManyLinks,
	}
	if len(want) != len(refusals) {
		t.Errorf("%d codes, %d sentinels", len(want), len(refusals))
	}
	seen := map[error]bool{}
	for code, sentinel := range want {
		if code.Err() != sentinel || seen[sentinel] {
			t.Errorf("code %d is %v, want %v", code, code.Err(), sentinel)
		}
		seen[sentinel] = true
		back, ok := RefuseCodeOf(fmt.Errorf("while connecting: %w", sentinel))
		if !ok || back != code {
			t.Errorf("%v has code %d, want %d", sentinel, back, code)
		}
	}
	for _, code := range []RefuseCode{0, RefuseTooManyLinks + 1, 0xffff} {
		if code.Err() != nil {
			t.Errorf("code %d is %v", code, code.Err())
		}
	}
	if _, ok := RefuseCodeOf(ErrMalformed); ok {
		t.Error("ErrMalformed has a refuse code")
	}
}

func TestRefusedError(t *testing.T) {
	for _, c := range []struct {
		err  RefusedError
		is   error
		text string
	}{
		{RefusedError{Code: RefuseSelf}, ErrSelfConnect, "refused: a node cannot connect to itself"},
		{
			RefusedError{Code: RefuseShuttingDown, Text: "a\nb", ByPeer: true},
			ErrShuttingDown,
			`refused by peer: the node is shutting down ("a\nb")`,
		},
		{RefusedError{Code: 99, ByPeer: true}, ErrRefused, "refused by peer: code 99"},
	} {
		if !errors.Is(&c.err, c.is) || !errors.Is(&c.err, ErrRefused) {
			t.Errorf("%v is not %v", &c.err, c.is)
		}
		if c.err.Error() != c.text {
			t.Errorf("text %q, want %q", c.err.Error(), c.text)
		}
	}
}

func TestProtocolErrorText(t *testing.T) {
	err := &ProtocolError{Stream: StreamSignals, Doing: "decode signal", Err: ErrMalformed}
	if got, want := err.Error(), "protocol error on signals stream: decode signal: malformed frame"; got != want {
		t.Errorf("text %q, want %q", got, want)
	}
}
