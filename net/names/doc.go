// Package names finds the UDP port on which a node listens when only name@host is known, without a
// daemon.
//
// A node listens on the well-known UDP port ([Port]) of its host or, when that is taken, on a free
// one. The node that got the well-known port is the host's holder: it answers "which port is NAME
// on" for itself and its neighbours. The other nodes of the host register their names with it, renew
// every second, and hold a lease of three. When the holder dies the operating system refuses the next
// renewal, each neighbour tries to bind the well-known port, exactly one gets it, and the others
// register there. For about a second a new holder does not know its neighbours yet; it says so, and
// whoever asks tries again.
//
// A node runs one [Service]; whoever wants to connect calls [Resolve] or [Lookup]; [List] shows the
// nodes of the own host. [NodeName] is the grammar of node names.
//
// # Packets
//
// Lookups share the socket with QUIC: the two top bits of the first byte are zero, which no QUIC
// packet has (RFC 9000 section 17), so a QUIC stack hands them over unread. All numbers are
// little-endian and every field that a packet does not use is zero.
//
//	0   3  "!wn"
//	3   1  version, 1
//	4   1  kind
//	5   1  status (replies)
//	6   2  port
//	8   8  transaction id, random, echoed by the reply
//	       requests, 96 bytes, a list request 1200:
//	16  4  age of the claim to the name, in milliseconds (register)
//	20  2  index of the first entry wanted (list)
//	22  1  zero
//	23  1  length of the name
//	24  64 name
//	       list reply:
//	16  2  how many names there are
//	18  1  how many entries follow: port 2, length 1, name
//	19  1  zero
//
// # What a stranger can do with it
//
// A lookup gives the port of a name that the asker knows already, and nothing else; names are listed
// only to the host itself. Every request is padded to more bytes than its reply, so the service
// amplifies no flood, and lookups from other hosts are limited per source with a fixed amount of
// memory. The transaction id keeps those who do not see the packets from answering in the
// holder's place. Those who do see them can send an asker to the wrong port: that the node there is
// the right one is for the cookie handshake to prove.
//
// Programs of the same host are trusted: any of them can take the well-known port first, and one
// that lies about itself can take or free a name. What an honest node cannot do is to take the name
// of a node that lives.
package names
