package names

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
)

// MaxShortName is the greatest length in bytes of the part of a node name before the @.
const MaxShortName = 64

const (
	maxHost      = 253 // RFC 1035 section 2.3.4, without the final dot
	maxHostLabel = 63
)

// ErrInvalidName is the error of [ParseNodeName]; what is wrong with the text follows it.
var ErrInvalidName = errors.New("invalid node name")

// NodeName is a node's name as people write it: name, name@host or name@host:port.
type NodeName struct {
	// Name is the part before the @: 1 to [MaxShortName] letters, digits, '_', '-' and '.', of which
	// the first is a letter, a digit or '_'. Upper and lower case differ.
	Name string
	// Host is a DNS name, an IPv4 address, or an IPv6 address without its brackets. It is empty when
	// the text was a bare name, which means the host where it was typed.
	Host string
	// Port is the UDP port that the node listens on, or 0 when that must be looked up.
	Port uint16
}

// ParseNodeName reads name, name@host or name@host:port; an IPv6 address stands in brackets.
// The error is one line and wraps [ErrInvalidName]. See DIST-13.
func ParseNodeName(s string) (NodeName, error) {
	n, err := parseNodeName(s)
	if err != nil {
		return NodeName{}, fmt.Errorf("%w %s: %w", ErrInvalidName, quote(s), err)
	}
	return n, nil
}

func parseNodeName(s string) (NodeName, error) {
	name, rest, hasHost := strings.Cut(s, "@")
	n := NodeName{Name: name}
	switch {
	case s == "":
		return n, errors.New("it is empty")
	case strings.Contains(rest, "@"):
		return n, errors.New("it has more than one @")
	case name == "":
		return n, errors.New("nothing stands before the @")
	case len(name) > MaxShortName:
		return n, fmt.Errorf("the part before the @ is longer than %d characters", MaxShortName)
	case !validShortName(name):
		return n, errors.New("the part before the @ may hold letters, digits, '_', '-' and '.', and begins with a letter, digit or '_'")
	case !hasHost:
		return n, nil
	}
	host, port, err := splitHostPort(rest)
	if err != nil {
		return n, err
	}
	n.Host, n.Port = host, port
	return n, nil
}

// splitHostPort reads host or host:port.
func splitHostPort(s string) (string, uint16, error) {
	if strings.HasPrefix(s, "[") {
		return splitBrackets(s)
	}
	host, text, hasPort := strings.Cut(s, ":")
	switch {
	case strings.Contains(text, ":"):
		return "", 0, errors.New("an IPv6 address needs brackets, as in name@[::1]")
	case host == "":
		return "", 0, errors.New("no host follows the @")
	}
	if err := checkHost(host); err != nil {
		return "", 0, err
	}
	if !hasPort {
		return host, 0, nil
	}
	port, err := parsePort(text)
	return host, port, err
}

// splitBrackets reads [IPv6] or [IPv6]:port.
func splitBrackets(s string) (string, uint16, error) {
	text, rest, closed := strings.Cut(s[1:], "]")
	addr, err := netip.ParseAddr(text)
	if !closed || err != nil || !addr.Is6() || addr.Zone() != "" {
		return "", 0, errors.New("what stands in brackets is not an IPv6 address")
	}
	if rest == "" {
		return addr.String(), 0, nil
	}
	if rest[0] != ':' {
		return "", 0, errors.New("after the ] only :port may follow")
	}
	port, err := parsePort(rest[1:])
	return addr.String(), port, err
}

func parsePort(s string) (uint16, error) {
	p, err := strconv.ParseUint(s, 10, 16)
	if err != nil || p == 0 {
		return 0, errors.New("the port is not a number from 1 to 65535")
	}
	return uint16(p), nil
}

// checkHost accepts IPv4 addresses and DNS names; '_' is allowed in them because containers use it.
func checkHost(host string) error {
	if _, err := netip.ParseAddr(host); err == nil {
		return nil
	}
	labels := strings.Split(host, ".")
	ok := len(host) <= maxHost && !isDigits(labels[len(labels)-1])
	for _, l := range labels {
		ok = ok && validLabel(l)
	}
	if !ok {
		return errors.New("the part after the @ is neither a host name nor an IP address")
	}
	return nil
}

func validLabel(l string) bool {
	if l == "" || len(l) > maxHostLabel || l[0] == '-' || l[len(l)-1] == '-' {
		return false
	}
	for i := range len(l) {
		if !isWord(l[i]) && l[i] != '-' {
			return false
		}
	}
	return true
}

// isDigits reports whether the last label of a host makes it look like an IPv4 address.
func isDigits(s string) bool {
	return strings.Trim(s, "0123456789") == ""
}

func validShortName(s string) bool {
	if s == "" || len(s) > MaxShortName || !isWord(s[0]) {
		return false
	}
	for i := range len(s) {
		if !isWord(s[i]) && s[i] != '-' && s[i] != '.' {
			return false
		}
	}
	return true
}

func isWord(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// quote keeps an error about a hostile text on one short line.
func quote(s string) string {
	const limit = 80
	if len(s) > limit {
		return strconv.Quote(s[:limit]) + "..."
	}
	return strconv.Quote(s)
}

// String gives the text that [ParseNodeName] reads, with the port when there is one.
func (n NodeName) String() string {
	if n.Host == "" {
		return n.Name
	}
	if n.Port != 0 {
		return n.Name + "@" + net.JoinHostPort(n.Host, strconv.Itoa(int(n.Port)))
	}
	if strings.Contains(n.Host, ":") {
		return n.Name + "@[" + n.Host + "]"
	}
	return n.Name + "@" + n.Host
}

// WithoutPort gives the name by which the node is known to others: where it listens is no part of it.
func (n NodeName) WithoutPort() NodeName {
	n.Port = 0
	return n
}

// WithHost gives n on the given host when n is a bare name, and n itself otherwise.
// [ShortHostname] gives the host for it.
func (n NodeName) WithHost(host string) NodeName {
	if n.Host == "" {
		n.Host = host
	}
	return n
}

// ShortHostname gives this machine's name up to the first dot, or localhost when it has none that
// could stand in a node name.
func ShortHostname() string {
	full, err := os.Hostname()
	if err != nil {
		return "localhost"
	}
	host, _, _ := strings.Cut(full, ".")
	if checkHost(host) != nil {
		return "localhost"
	}
	return host
}
