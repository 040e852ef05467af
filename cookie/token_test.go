package cookie

import (
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func exampleToken() Token {
	t := Token{Name: "one@host"}
	for i := range t.Session {
		t.Session[i] = byte(i)
	}
	for i := range t.Share {
		t.Share[i] = byte(255 - i)
	}
	return t
}

func TestTokenRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := Token{Name: rapid.StringMatching(`[A-Za-z0-9_.-]{1,90}@[A-Za-z0-9.:\[\]-]{1,90}`).Draw(t, "name")}
		copy(want.Session[:], rapid.SliceOfN(rapid.Byte(), sessionSize, sessionSize).Draw(t, "session"))
		copy(want.Share[:], rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "share"))
		text := want.String()
		if len(text) > 255 {
			t.Fatalf("%d bytes do not fit into ALPN", len(text))
		}
		got, err := ParseToken(text)
		if err != nil || got != want {
			t.Fatalf("ParseToken(%q) = %+v, %v", text, got, err)
		}
	})
}

func TestParseTokenRefuses(t *testing.T) {
	good := exampleToken().String()
	if _, err := ParseToken(good); err != nil {
		t.Fatal(err)
	}
	cut := len(ALPNPrefix)
	for name, text := range map[string]string{
		"empty":             "",
		"other protocol":    "h3",
		"other version":     "wnode/2" + good[cut:],
		"prefix alone":      ALPNPrefix,
		"short":             good[:cut+encodedLen-1],
		"no name":           good[:cut+encodedLen],
		"standard base64":   good[:cut] + "+/" + good[cut+2:],
		"padding":           good[:cut+encodedLen-1] + "=" + good[cut+encodedLen:],
		"line end in code":  good[:cut+4] + "\n" + good[cut+5:],
		"CR LF in code":     good[:cut+4] + "\r\n" + good[cut+6:],
		"NUL in name":       good + "\x00",
		"line end in name":  good + "\n",
		"blank in name":     good + " ",
		"name without host": good[:cut+encodedLen] + "one",
		"empty host":        good[:cut+encodedLen] + "one@",
		"empty name":        good[:cut+encodedLen] + "@host",
		"two @":             good[:cut+encodedLen] + "one@two@host",
		"underscore host":   good[:cut+encodedLen] + "one@my_host",
		"not ASCII":         good[:cut+encodedLen] + "öne@host",
		"name too long":     good[:cut+encodedLen] + "one@" + strings.Repeat("h", MaxNameLength-3),
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := ParseToken(text); !errors.Is(err, ErrMalformedToken) {
				t.Errorf("ParseToken(%q) = %+v, %v; want ErrMalformedToken", text, got, err)
			}
		})
	}
}

func TestCheckName(t *testing.T) {
	longest := "a@" + strings.Repeat("h", MaxNameLength-2)
	for name, want := range map[string]error{
		"one@host":                  nil,
		"node_1.x-y@127.0.0.1":      nil,
		"one@[fe80::1]":             nil,
		"one@host:7369":             nil,
		longest:                     nil,
		longest + "h":               ErrNameTooLong,
		strings.Repeat("a", 100000): ErrNameTooLong,
		"":                          ErrInvalidName,
		"one":                       ErrInvalidName,
		"one@":                      ErrInvalidName,
		"@host":                     ErrInvalidName,
		"one@ho st":                 ErrInvalidName,
		"one:two@host":              ErrInvalidName,
		"one@host\n":                ErrInvalidName,
	} {
		if err := CheckName(name); !errors.Is(err, want) {
			t.Errorf("CheckName(%.40q): %v, want %v", name, err, want)
		}
	}
	if token := (Token{Name: longest}).String(); len(token) != 255 {
		t.Errorf("a token with the longest name has %d bytes, want 255", len(token))
	}
}

func FuzzParseToken(f *testing.F) {
	good := exampleToken().String()
	f.Add(good)
	f.Add(good[:20])
	f.Add(good + "@")
	f.Add(strings.ReplaceAll(good, "A", "\n"))
	f.Add("h3")
	f.Fuzz(func(t *testing.T, text string) {
		token, err := ParseToken(text)
		if err != nil {
			if !errors.Is(err, ErrMalformedToken) || token != (Token{}) {
				t.Fatalf("ParseToken(%q) = %+v, %v", text, token, err)
			}
			return
		}
		if token.String() != text || len(text) > 255 || CheckName(token.Name) != nil {
			t.Fatalf("ParseToken(%q) = %+v, which is not the same", text, token)
		}
	})
}
