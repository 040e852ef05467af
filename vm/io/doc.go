// Package io holds the I/O servers: the native processes that group leaders are, and that serve
// the I/O protocol to processes of this and of other nodes.
//
// [Start] starts a [Server] for a [Device]. There are three devices: a [Stream] over an [io.Writer]
// and an [io.Reader], a [Terminal] over an editor of lines, and a [Capture] that keeps what is
// written in memory.
//
// # The protocol
//
// It is Erlang's, as CBOR. A request is the message ["io_request", from, reply_as, request]; its
// answer ["io_reply", reply_as, reply] goes to from, which need not be the sender. The requests:
//
//	["put_chars", encoding, chars]           "ok"
//	["put_error", encoding, chars]           "ok"
//	["get_line", encoding, prompt]           data or "eof"
//	["get_chars", encoding, prompt, n]       data or "eof"
//	["setopts", [[name, value], ...]]        "ok"
//	"getopts"                                [[name, value], ...]
//	["get_geometry", "columns" or "rows"]    a number
//	["requests", [request, ...]]             the last reply; the first error ends it
//
// or else ["error", reason]. The encoding is "unicode", "latin1" or "bytes"; without one it is
// latin1, as in Erlang's old forms. Chars are text, bytes, code points, and lists of these to any
// depth that a term can have. Data are byte strings, so no data can be mistaken for "eof".
// A format that the server would have to call a function for, and get_until, are refused: it has
// no functions of its clients'.
//
// # Reading
//
// Requests are served in the order in which they come, but a read that has to wait holds nothing
// up: output is written meanwhile. On a stream the reads take turns; on a terminal a later read gets
// the next line first, under its own prompt, and then the earlier prompt is back (IO-21). A read
// whose reply nobody waits for any more is dropped.
package io
