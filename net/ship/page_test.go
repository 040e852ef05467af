package ship

import (
	"bytes"
	"testing"

	"github.com/wnode/wnode/internal/wiredoc"
)

func TestPage(t *testing.T) {
	wiredoc.Check(t, "module-request", func(e wiredoc.Example) ([]byte, error) {
		q, err := readRequest(bytes.NewReader(e.Bytes), FormFixed)
		return q.append(nil, FormFixed), err
	})
	seen := map[status]bool{}
	wiredoc.Check(t, "module-answer", func(e wiredoc.Example) ([]byte, error) {
		a, err := readAnswer(bytes.NewReader(e.Bytes), FormFixed)
		seen[a.status] = true
		return a.append(nil, FormFixed), err
	})
	wiredoc.Check(t, "transfer-request", func(e wiredoc.Example) ([]byte, error) {
		q, err := readRequest(bytes.NewReader(e.Bytes), FormMaps)
		return q.append(nil, FormMaps), err
	})
	wiredoc.Check(t, "transfer-answer", func(e wiredoc.Example) ([]byte, error) {
		a, err := readAnswer(bytes.NewReader(e.Bytes), FormMaps)
		seen[a.status] = true
		return a.append(nil, FormMaps), err
	})
	for name, number := range wiredoc.Constants(t, "message.go", "status") {
		if !seen[status(number)] {
			t.Errorf("docs/protocol.md has no example of %s, %d", name, number)
		}
	}
	wiredoc.CheckNumbers(t, "statuses", "message.go", "status")
	for _, bound := range []uint64{DefaultMaxModuleBytes, MaxWindowBytes, MaxMessageBytes, MaxNodes} {
		if wiredoc.Numbers(t, "bounds")[bound] == "" {
			t.Errorf("docs/protocol.md does not list %d bytes", bound)
		}
	}
}
