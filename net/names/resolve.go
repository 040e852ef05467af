package names

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
)

// Resolve gives the UDP addresses at which a node may listen, to be tried in their order, at least one.
// Its host is resolved by the system's resolver, its port through [Lookup] with the given well-known
// port (0 means [Port]); a name that has a port is not looked up. A node without a host, or with this
// machine's name as its host, is looked for on the loopback address too, since many machines know no
// address for their own name.
//
// Errors: those of [Lookup]; *net.DNSError when the host has no address.
func Resolve(ctx context.Context, node NodeName, port uint16) ([]netip.AddrPort, error) {
	if port == 0 {
		port = Port
	}
	addrs, err := hostAddrs(ctx, node.Host)
	if err != nil {
		return nil, fmt.Errorf("find the host of %s: %w", node, err)
	}
	if node.Port != 0 {
		return withPort(addrs, node.Port), nil
	}
	first, err := Lookup(ctx, node.Name, withPort(addrs, port)...)
	if err != nil {
		return nil, fmt.Errorf("find the port of %s: %w", node, err)
	}
	// The holder answered at this address; a neighbour of it may listen at another one.
	all := withPort(addrs, first.Port())
	rest := slices.DeleteFunc(all, func(a netip.AddrPort) bool { return a == first })
	return append([]netip.AddrPort{first}, rest...), nil
}

func withPort(addrs []netip.Addr, port uint16) []netip.AddrPort {
	out := make([]netip.AddrPort, len(addrs))
	for i, a := range addrs {
		out[i] = netip.AddrPortFrom(a, port)
	}
	return out
}

// hostAddrs gives at least one address or an error.
func hostAddrs(ctx context.Context, host string) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a.Unmap()}, nil
	}
	var addrs []netip.Addr
	own := isThisHost(host)
	if own {
		addrs = append(addrs, netip.AddrFrom4([4]byte{127, 0, 0, 1}))
	}
	found, err := lookupHost(ctx, host)
	if err != nil && !own {
		return nil, err
	}
	for _, a := range found {
		if a = a.Unmap(); !slices.Contains(addrs, a) {
			addrs = append(addrs, a)
		}
	}
	return addrs, nil
}

func lookupHost(ctx context.Context, host string) ([]netip.Addr, error) {
	if host == "" {
		return nil, nil
	}
	return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
}

// isThisHost reports whether host is what this machine calls itself, in its long or short form.
func isThisHost(host string) bool {
	if host == "" || strings.EqualFold(host, "localhost") || strings.EqualFold(host, ShortHostname()) {
		return true
	}
	full, err := os.Hostname()
	return err == nil && strings.EqualFold(host, full)
}
