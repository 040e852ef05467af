// Package link joins nodes over QUIC (RFC 9000).
//
// An [Endpoint] is a node's one UDP socket: it dials other nodes and takes their calls. What comes
// of either is a [Link] to exactly one peer, proved to hold the cookie (package cookie) and
// introduced by the first exchange of package wire. A call that comes in is an [Offer]: its owner,
// who knows of the other links, accepts or refuses it.
//
// A link runs in [Link.Run], on the goroutine of its owner, until either side ends it or the peer
// is not heard of for the idle time-out. Signals go out through [Link.Send] and [Link.Post], in the
// order of the calls, and come in through the owner's [Handler]; module transfers get streams of
// their own.
//
// # Locks
//
// An outbox's lock and a control stream's lock are held for a moment each, never together, and no
// callback runs under either.
package link
