package names

import (
	"testing"

	"github.com/wnode/wnode/internal/wiredoc"
)

func TestPage(t *testing.T) {
	seen := map[kind]bool{}
	wiredoc.Check(t, "lookup-request", func(e wiredoc.Example) ([]byte, error) {
		r, err := decodeRequest(e.Bytes)
		if err != nil {
			return nil, err
		}
		seen[r.kind] = true
		return r.append(nil), nil
	})
	wiredoc.Check(t, "lookup-reply", func(e wiredoc.Example) ([]byte, error) {
		r, err := decodeReply(e.Bytes)
		seen[r.kind] = true
		return r.append(nil), err
	})
	for name, number := range wiredoc.Constants(t, "codec.go", "kind") {
		if !seen[kind(number)] {
			t.Errorf("docs/protocol.md has no example of %s, %d", name, number)
		}
	}
	wiredoc.CheckNumbers(t, "lookup kinds", "codec.go", "kind")
	wiredoc.CheckNumbers(t, "lookup statuses", "codec.go", "status")
}
