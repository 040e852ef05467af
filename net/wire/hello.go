package wire

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/wnode/wnode/abi"
)

// Version is the version of the protocol that this package speaks, the greatest and so far the least.
const Version = 1

// Bounds of what a [Hello] may hold.
const (
	MaxNodeNameBytes = 255
	MaxHostBytes     = 255
	MaxFeatures      = 64
	MaxFeatureBytes  = 64

	// MinSignalBytes is the least that MaxSignalBytes of a Hello may be: whatever the system
	// itself sends fits into it.
	MinSignalBytes = 64 << 10
)

// Hello introduces a node. It is the first frame of either side on the control stream.
type Hello struct {
	// MinVersion and MaxVersion are the range of protocol versions that the node speaks.
	MinVersion uint16 `cbor:"1,keyasint"`
	MaxVersion uint16 `cbor:"2,keyasint"`

	Node abi.NodeID `cbor:"3,keyasint"`
	Name string     `cbor:"4,keyasint"` // name@host

	// Port is the UDP port at which others can dial the node; 0 means that nobody can.
	Port uint16 `cbor:"5,keyasint,omitempty"`
	// Host is where others should dial it, a name or an address without port; empty means the
	// address that its packets come from.
	Host string `cbor:"6,keyasint,omitempty"`

	// Features names what the node can do beyond the protocol version, sorted and without repetitions.
	Features []string `cbor:"7,keyasint,omitempty"`

	// MaxSignalBytes is the largest Data of a signal that the node takes.
	MaxSignalBytes uint64 `cbor:"8,keyasint"`
}

// Type is [TypeHello].
func (Hello) Type() FrameType { return TypeHello }

// DialAddress gives the host:port at which the node can be dialled. seen is the host that its
// packets come from, used when the Hello names none. It is empty when the node cannot be dialled.
func (h Hello) DialAddress(seen string) string {
	if h.Port == 0 {
		return ""
	}
	host := h.Host
	if host == "" {
		host = seen
	}
	if strings.Contains(host, ":") { // IPv6
		host = "[" + host + "]"
	}
	return host + ":" + strconv.Itoa(int(h.Port))
}

func (h Hello) check() error {
	switch {
	case h.MinVersion == 0 || h.MinVersion > h.MaxVersion:
		return fmt.Errorf("versions %d to %d", h.MinVersion, h.MaxVersion)
	case h.Node == 0:
		return fmt.Errorf("node id 0")
	case !validNodeName(h.Name):
		return fmt.Errorf("node name %.64q", h.Name)
	case len(h.Host) > MaxHostBytes || !printable(h.Host):
		return fmt.Errorf("host %.64q", h.Host)
	case len(h.Features) > MaxFeatures:
		return fmt.Errorf("%d features", len(h.Features))
	case h.MaxSignalBytes < MinSignalBytes:
		return fmt.Errorf("largest signal of %d bytes", h.MaxSignalBytes)
	}
	for i, f := range h.Features {
		if f == "" || len(f) > MaxFeatureBytes || !printable(f) || i > 0 && h.Features[i-1] >= f {
			return fmt.Errorf("feature %.64q", f)
		}
	}
	return nil
}

// validNodeName is the least that is asked of a name from the wire; what names people may give is
// for the node to say (DIST-13).
func validNodeName(s string) bool {
	name, host, ok := strings.Cut(s, "@")
	return ok && name != "" && host != "" && !strings.Contains(host, "@") && len(s) <= MaxNodeNameBytes && printable(s)
}

// printable keeps what would tear a log line or a terminal out of the texts that identify a peer.
func printable(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return r == ' ' || !unicode.IsPrint(r) })
}

// Agreement is what two Hellos make of a link.
type Agreement struct {
	Version      uint16
	Features     []string // those that both have, sorted
	MaxSendBytes uint64   // the largest Data of a signal that the peer takes
}

// Has reports whether both sides have the feature.
func (a Agreement) Has(feature string) bool {
	_, ok := slices.BinarySearch(a.Features, feature)
	return ok
}

// Agree works out the terms of a link; it fails with [ErrVersionMismatch]. Both sides come to the
// same version and features.
func Agree(local, peer Hello) (Agreement, error) {
	version := min(local.MaxVersion, peer.MaxVersion)
	if version < max(local.MinVersion, peer.MinVersion) {
		return Agreement{}, fmt.Errorf("%w: %s speaks %d to %d, %s %d to %d", ErrVersionMismatch,
			local.Name, local.MinVersion, local.MaxVersion, peer.Name, peer.MinVersion, peer.MaxVersion)
	}
	var common []string
	for _, f := range local.Features {
		if _, ok := slices.BinarySearch(peer.Features, f); ok {
			common = append(common, f)
		}
	}
	return Agreement{Version: version, Features: common, MaxSendBytes: peer.MaxSignalBytes}, nil
}

// Survivor decides between two attempts to connect that cross: given the names of the two nodes it
// returns the one whose own attempt goes on, the greater in byte order (DIST-10). Its node
// answers the other attempt with [RefuseSimultaneous]; the other node accepts.
func Survivor(a, b string) string { return max(a, b) }
