// Package link joins nodes over QUIC (RFC 9000).
//
// An [Endpoint] is a node's one UDP socket: it dials other nodes and takes their calls. What comes
// of either is a [Link] to exactly one peer, proved to hold the cookie (package cookie) and
// introduced by the first exchange of package wire. A call that comes in is an [Offer]: its owner,
// who knows of the other links, accepts or refuses it.
//
// A link runs in [Link.Run], on the goroutine of its owner, until either side ends it or the peer
// is not heard of for the idle time-out. Signals go out through [Link.Send] and [Link.Post], those of one sender in the
// order of the calls, and come in through the owner's [Handler]; module transfers get streams of
// their own, which go behind signals.
//
// # Lanes
//
// Signals wait in an outbox, in the lane of their sender: one of several streams, each with a goroutine that writes it. Small
// signals go first. A large one is a flow, with all that its sender says behind it, and is written part by part, in turn with one
// other flow of its lane. Who sends waits for the small signals of the link to become fewer, for a place among the flows,
// or for the flow of its own; what is posted does not wait, and ends the link when it is far too much. With a peer that has no
// lanes there is one, and no signal is large.
//
// # Memory
//
// What is queued, and what has come of large signals that are not whole, is counted in one room for each direction, which all links of an
// endpoint share. Without room a large signal is not admitted, and a lane is not read any further; its peer then waits as for
// anybody who reads slowly. A connection's window has room for all lanes unread, so that these hold up nothing else.
//
// # The end
//
// A link that ends in good order loses no signal of either side, also when both end it at the same
// time. Each side ends its signal streams, says goodbye, reads the other's signals to their end and
// then ends its half of the control stream. That end says that all has been read: whoever has read
// all and sees it closes the connection.
//
// # Hostile peers
//
// Who lacks the cookie costs a bounded number of handshakes; the limiter of package cookie makes
// guessing slow, and address validation keeps others from being slowed down in their place. Who
// holds the cookie can fill the windows of its connection and keep its few streams busy: reads and
// writes of the first exchange, and of module transfers that stand still, end by themselves. What
// waits to be sent to a peer that reads nothing is bounded: the outbox makes senders wait, and
// beyond its bounds the link ends.
//
// # Locks
//
// An outbox's lock and a control stream's lock are held for a moment each, never together; a room's is taken last, under an
// outbox's or none. No callback runs under either, and no write to a stream that could wait: a lone signal is written under the outbox's lock,
// all or nothing, without waiting.
package link
