package link

import (
	"testing"

	"github.com/wnode/wnode/internal/wiredoc"
)

func TestPage(t *testing.T) {
	config := Options{}.withDefaults().quicConfig()
	for name, c := range map[string][]uint64{
		"codes": {uint64(codeGoodbye), uint64(codeRefused), uint64(codeProtocol), uint64(codeOverload)},
		"quic": {
			uint64(config.MaxIdleTimeout.Seconds()), uint64(config.HandshakeIdleTimeout.Seconds()),
			config.InitialStreamReceiveWindow, config.MaxStreamReceiveWindow, config.MaxConnectionReceiveWindow,
			uint64(config.MaxIncomingStreams), uint64(config.MaxIncomingUniStreams),
		},
	} {
		listed := wiredoc.Numbers(t, name)
		for _, number := range c {
			if listed[number] == "" {
				t.Errorf("docs/protocol.md does not list %d among the numbers of %s", number, name)
			}
		}
		if len(listed) != len(c) {
			t.Errorf("docs/protocol.md lists %d numbers of %s, there are %d", len(listed), name, len(c))
		}
	}
	if config.InitialConnectionReceiveWindow != config.MaxConnectionReceiveWindow || config.KeepAlivePeriod*4 != config.MaxIdleTimeout {
		t.Error("docs/protocol.md says otherwise of the first windows or of the keep-alives")
	}
}
