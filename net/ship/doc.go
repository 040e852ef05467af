// Package ship moves modules between nodes. An [Exchange] brings a module that is wanted from the nearest node that
// has it, goes on where an earlier transfer stopped, and serves the modules of its node to others; a [Server] and [Fetch] are the two ends
// of one transfer over a byte stream. Whoever owns the stream has already written and read the byte that says what kind of stream it is (package wire).
//
// On streams of the kind module the request is, integers little-endian:
//
//	hash   32 bytes  SHA-256 of the module
//	limit  u64       the largest module that the requester takes, in bytes
//
// and the answer:
//
//	status  u8   0 ok, 1 not found, 2 too large, 3 busy, 4 failed
//	size    u64  of the module in bytes; 0 unless the status is ok or too large
//	body         with status ok: the module, compressed with Zstandard (RFC 8878) and a window of at
//	             most MaxWindowBytes
//
// and the end of the stream. On streams of the kind transfer both are maps, which can say more: docs/protocol.md has
// them.
//
// The requester believes nothing: it reads no more than the size that it was told, gives up on a
// body that takes more room than its content could need, and commits nothing whose hash is not the
// one that it asked for. Both sides use a bounded amount of memory whatever the size.
//
// # Many that want one module
//
// A node sends a module to two others at a time and lets three more wait; who comes then is told their names and asks
// them. A node that is itself about to get the module lets three wait as well. So the nodes that want a module at the same
// time arrange themselves as a tree below its origin, which sends it five times or so, however many they are.
package ship
