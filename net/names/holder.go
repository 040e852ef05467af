package names

import (
	"net"
	"net/netip"
	"time"
)

// datagram is a packet to be sent.
type datagram struct {
	to netip.AddrPort
	b  []byte
}

// holder answers packets. Like its table it has neither clock nor sockets.
type holder struct {
	table *table
	limit *limiter
	local func(netip.Addr) bool // is that an address of this host?
}

func newHolder(local func(netip.Addr) bool, now time.Time) *holder {
	return &holder{table: newTable(now), limit: newLimiter(), local: local}
}

// handle gives the packets that b, which came from the given address, calls for. What is not a
// request, and what is not for strangers to ask, gets no answer. The answer to the sender is never
// longer than b.
func (h *holder) handle(b []byte, from netip.AddrPort, now time.Time) []datagram {
	r, err := decodeRequest(b)
	if err != nil {
		return nil
	}
	local := h.local(from.Addr())
	if r.kind == kindLookup {
		if !local && !h.limit.allow(from.Addr(), now) {
			return nil
		}
		port, st := h.table.lookup(r.name, now)
		return []datagram{answer(from, reply{kind: kindReply, tx: r.tx, status: st, port: port})}
	}
	if !local {
		return nil
	}
	switch r.kind {
	case kindRegister:
		return h.register(r, from, now)
	case kindUnregister:
		st := h.table.unregister(r.name, r.port, now)
		return []datagram{answer(from, reply{kind: kindReply, tx: r.tx, status: st})}
	case kindList:
		return []datagram{answer(from, h.page(r, now))}
	default:
		return nil
	}
}

func (h *holder) register(r request, from netip.AddrPort, now time.Time) []datagram {
	st, out := h.claim(claim{name: r.name, port: r.port, age: r.age, from: from, tx: r.tx}, now)
	return append(out, answer(from, reply{kind: kindReply, tx: r.tx, status: st}))
}

// claim enters a claim into the table and gives the challenge to the name's owner that it calls for.
func (h *holder) claim(c claim, now time.Time) (status, []datagram) {
	st, owner := h.table.register(c, now)
	if owner == nil {
		return st, nil
	}
	return st, []datagram{answer(owner.from, reply{kind: kindRenew, tx: owner.tx})}
}

// page gives the part of the list of names that begins at the index asked for.
func (h *holder) page(r request, now time.Time) reply {
	list, st := h.table.list(now)
	rest := list[min(int(r.index), len(list)):]
	return reply{kind: kindListReply, tx: r.tx, status: st, total: uint16(len(list)), list: fit(rest)}
}

func answer(to netip.AddrPort, r reply) datagram {
	return datagram{to: to, b: r.append(nil)}
}

// ownAddrs knows the addresses of this host. It asks the system again when it has not for a while,
// so that packets from strangers cost no system call each. Its user is one goroutine.
type ownAddrs struct {
	asked time.Time
	addrs map[netip.Addr]bool
}

const ownAddrsFor = 5 * time.Second

// has reports whether a is a loopback address or that of an interface of this host. A system does
// not let packets in from outside that carry its own address as their source.
func (o *ownAddrs) has(a netip.Addr) bool {
	a = a.Unmap()
	if a.IsLoopback() {
		return true
	}
	if now := time.Now(); o.addrs == nil || now.Sub(o.asked) > ownAddrsFor {
		o.asked, o.addrs = now, interfaceAddrs()
	}
	return o.addrs[a.WithZone("")]
}

func interfaceAddrs() map[netip.Addr]bool {
	own := make(map[netip.Addr]bool)
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return own // then only loopback counts as this host
	}
	for _, a := range addrs {
		if p, err := netip.ParsePrefix(a.String()); err == nil {
			own[p.Addr().Unmap().WithZone("")] = true
		}
	}
	return own
}
