package cookie

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func TestNewSecret(t *testing.T) {
	for name, tt := range map[string]struct {
		text string
		want error
	}{
		"one character": {"a", nil},
		"blanks":        {"SEC RET ", nil}, // COOK-10
		"longest":       {strings.Repeat("x", MaxLength), nil},
		"empty":         {"", ErrEmpty},
		"too long":      {strings.Repeat("x", MaxLength+1), ErrTooLong},
		"tab":           {"a\tb", ErrBadCharacters},
		"line end":      {"a\n", ErrBadCharacters},
		"NUL":           {"a\x00", ErrBadCharacters},
		"DEL":           {"a\x7f", ErrBadCharacters},
		"not ASCII":     {"schlüssel", ErrBadCharacters},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := NewSecret(tt.text)
			if !errors.Is(err, tt.want) {
				t.Fatalf("error %v, want %v", err, tt.want)
			}
			if err == nil && s.Reveal() != tt.text {
				t.Errorf("Reveal() = %q", s.Reveal())
			}
			if s.IsZero() != (err != nil) {
				t.Errorf("IsZero() = %v", s.IsZero())
			}
		})
	}
}

func TestSecretIsNeverPrinted(t *testing.T) {
	const text = "chocolate"
	s := secret(t, text)
	hidden := struct{ inner struct{ s Secret } }{}
	hidden.inner.s = s
	var out bytes.Buffer
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%p", "%T", "%10s", "%w"} {
		for _, value := range []any{s, &s, []Secret{s}, map[string]Secret{"k": s}, hidden, &hidden} {
			fmt.Fprintf(&out, format+"\n", value)
		}
	}
	fmt.Fprintln(&out, s, s.String(), s.GoString())
	encoded, err := json.Marshal(map[string]any{"s": s, "hidden": hidden})
	if err != nil {
		t.Fatal(err)
	}
	out.Write(encoded)
	for _, handler := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
		slog.New(handler).Info("cookie", "s", s, "list", []Secret{s}, "hidden", hidden)
	}
	for _, leak := range []string{text, fmt.Sprintf("%x", text), fmt.Sprintf("%X", text), fmt.Sprint([]byte(text))} {
		if strings.Contains(out.String(), leak) {
			t.Errorf("output contains %q:\n%s", leak, out.String())
		}
	}
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d"} {
		if got := fmt.Sprintf(format, s); got != "[redacted]" {
			t.Errorf("%s prints %s, want [redacted]", format, got)
		}
	}
	if got := s.LogValue().String(); got != "[redacted]" {
		t.Errorf("LogValue() = %s, want [redacted]", got)
	}
}

func TestSecretEqual(t *testing.T) {
	a, b := secret(t, "one"), secret(t, "two")
	if !a.Equal(secret(t, "one")) || a.Equal(b) || a.Equal(Secret{}) || (Secret{}).Equal(a) || (Secret{}).Equal(Secret{}) {
		t.Error("Equal must hold for the same text alone, and never for the zero Secret")
	}
}

func TestWeak(t *testing.T) {
	for text, want := range map[string]bool{
		"a":                                true,
		"chocolate":                        true,
		"Tr0ub4dor&3":                      true,
		"12345678901234567890":             true,
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa": true,
		"QWXTLPAZMNBVCKDJFHGS":             false, // 20 capitals, as Erlang makes them
		"correct horse battery staple":     false,
	} {
		if got := secret(t, text).Weak(); got != want {
			t.Errorf("Weak(%q) = %v, want %v", text, got, want)
		}
	}
	if !(Secret{}).Weak() {
		t.Error("the zero Secret is not weak")
	}
}

func TestRandomSecret(t *testing.T) {
	a, err := RandomSecret()
	if err != nil {
		t.Fatal(err)
	}
	b, err := RandomSecret()
	if err != nil {
		t.Fatal(err)
	}
	if a.Equal(b) || a.Weak() || len(a.Reveal()) != 43 {
		t.Errorf("two random cookies: equal %v, weak %v, %d characters", a.Equal(b), a.Weak(), len(a.Reveal()))
	}
}
