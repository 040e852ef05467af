package cookie

import (
	"testing"

	"github.com/wnode/wnode/internal/wiredoc"
)

func TestPage(t *testing.T) {
	wiredoc.Check(t, "token", func(e wiredoc.Example) ([]byte, error) {
		token, err := ParseToken(string(e.Bytes))
		return []byte(token.String()), err
	})
	seen := map[byte]bool{}
	wiredoc.Check(t, "proof", func(e wiredoc.Example) ([]byte, error) {
		seen[e.Bytes[0]] = true
		if e.Bytes[0] == roleResponder {
			answers, err := decodeAnswers(e.Bytes)
			return encodeAnswers(answers), err
		}
		mac, err := decodeMAC(e.Bytes)
		return encodeMAC(mac), err
	})
	if !seen[roleInitiator] || !seen[roleResponder] {
		t.Error("docs/protocol.md has not an example of each proof")
	}
}
