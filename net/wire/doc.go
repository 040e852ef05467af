// Package wire is the format that nodes speak to each other once the cookie handshake has let them
// in: what the streams of a link are, the frames on them, and the rules of the first exchange. It
// is pure: bytes in, values out. It opens no socket, starts no goroutine and reads no clock, so
// that tests and simulations can drive it. docs/protocol.md has it with examples, and the rules for versions.
//
// A link joins exactly two nodes and runs over one QUIC connection. Integers of fixed width are
// little-endian; uvarint is the unsigned LEB128 of encoding/binary, in its shortest form only.
//
// # Streams
//
// The first byte of a stream, written by the side that opens it, is its [StreamKind]:
//
//	1  control   one per link, opened by the initiator, both directions: control frames
//	2  signals   one direction: signal frames
//	3  module    both directions: one module transfer, see package ship
//	4  lane      in place of signals, with the feature "lanes": the signals of some senders
//	5  transfer  as module, with more to say, with the feature "transfer"
//
// A node resets a stream of a kind that it does not know and keeps the link.
//
// # Control frames
//
//	type    u8        1 hello, 2 ready, 3 refuse, 4 ping, 5 pong, 6 goodbye
//	length  uvarint   of the body, at most MaxFrameBytes
//	body              one CBOR map with small integer keys
//
// Bodies are maps so that they can grow: a reader passes over keys that it does not know. A type
// with the bit [Skippable] (0x80) that a reader does not know is passed over too; any other unknown
// type is an error. The keys stand beside the fields of [Hello], [Refuse], [Ping], [Pong] and
// [Goodbye]; [Ready] has none.
//
// # The control stream
//
// The initiator is the side that dialled. [Session] is this exchange as a state machine:
//
//	initiator                    responder
//	Hello            ->
//	                 <-          Hello, or Refuse
//	Ready, or Refuse ->
//	Ping, Pong       <->         Ping, Pong
//	Goodbye          ->
//	                 <-          Goodbye
//
// Each Hello tells the range of protocol versions that its node speaks; the link uses the greatest
// that both speak, and the features that both list. The initiator may send signals right after its
// Ready. Streams do not wait for each other, so the responder reads no signal stream before it
// has read Ready.
//
// Goodbye is the last frame that a side sends, after it has ended its signal streams. The other
// side reads those to their ends, and answers with its own Goodbye. A side that has read the other's
// signals to their end ends its half of the control stream; when both have, the connection can be
// closed without losing a signal. A node that has to stop earlier refuses or closes the connection.
//
// When two nodes dial each other at the same time, [Survivor] says which attempt lives (DIST-10).
//
// # Signal frames
//
//	length  uvarint   of all that follows
//	kind    u8        abi.SignalKind, not 0
//	flags   u8        bits 0-1 from, 2-3 to, 4-5 ref: form of the id; bit 6: a name follows; bit 7: 0
//	from    id        the sending process
//	to      id        the receiving process, its number 0 when a name follows
//	ref     id
//	name    uvarint length, 1 to MaxNameBytes, and that many bytes of UTF-8; with bit 6 only
//	data              the rest
//
// The form of an id says which node it belongs to:
//
//	0  no id: nothing follows, the id is zero
//	1  of the node that sends the frame: number uvarint
//	2  of the node that receives it: number uvarint
//	3  of another node: node id u64, number uvarint
//
// Every signal has exactly one encoding; a reader refuses all others. Kinds that a reader does not
// know are handed on like those it knows. [Decoder] also refuses a sender that is not a process of
// the peer and a receiver that is not one of its own node: links do not relay, so such a signal is forged.
package wire
