package abi_test

import (
	"errors"
	"fmt"
	"regexp"
	"testing"

	"github.com/wnode/wnode/abi"
)

// The numbers, names and texts of errors are a bijection without gaps, from -1 downwards.
func TestErrnos(t *testing.T) {
	names, texts := map[string]bool{}, map[string]bool{}
	for i, e := range abi.Errnos {
		if want := abi.Errno(-1 - i); e.Code != want {
			t.Errorf("%s has the number %d, want %d", e.Name, e.Code, want)
		}
		if !regexp.MustCompile(`^[A-Z]+(_[A-Z]+)*$`).MatchString(e.Name) || names[e.Name] {
			t.Errorf("name %q is there twice or not in capitals", e.Name)
		}
		if e.Text == "" || texts[e.Text] {
			t.Errorf("%s: text %q is empty or there twice", e.Name, e.Text)
		}
		names[e.Name], texts[e.Text] = true, true
		if e.Code.Error() != e.Text {
			t.Errorf("%s says %q, want %q", e.Name, e.Code.Error(), e.Text)
		}
	}
}

// Guests are compiled against these numbers: none may ever change.
func TestErrnoNumbers(t *testing.T) {
	for code, want := range map[abi.Errno]int32{
		abi.ErrBadArgument: -1, abi.ErrNoProcess: -2, abi.ErrNoName: -3, abi.ErrNameTaken: -4,
		abi.ErrNotConnected: -5, abi.ErrDenied: -6, abi.ErrTooLarge: -7, abi.ErrTimedOut: -8,
		abi.ErrInterrupted: -9, abi.ErrNoModule: -10, abi.ErrTerminated: -11, abi.ErrEndOfFile: -12,
		abi.ErrNotSupported: -13, abi.ErrLimit: -14, abi.ErrIO: -15,
	} {
		if int32(code) != want {
			t.Errorf("%v is %d, want %d", code, int32(code), want)
		}
	}
}

func TestErrnoIsError(t *testing.T) {
	err := fmt.Errorf("look up %q: %w", "ticker", abi.ErrNoName)
	if !errors.Is(err, abi.ErrNoName) || errors.Is(err, abi.ErrNoProcess) {
		t.Errorf("errors.Is does not tell %v apart", err)
	}
	for _, code := range []abi.Errno{0, 1, -99, -1 << 31} {
		if got, want := code.Error(), fmt.Sprintf("error number %d", int32(code)); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
