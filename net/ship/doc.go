// Package ship moves modules between nodes: it asks for one by its hash over a byte stream, and
// answers such requests. One stream carries one transfer. Whoever owns the stream has already
// written and read the byte that says what kind of stream it is (package wire).
//
// The request, integers little-endian:
//
//	hash   32 bytes  SHA-256 of the module
//	limit  u64       the largest module that the requester takes, in bytes
//
// The answer:
//
//	status  u8   0 ok, 1 not found, 2 too large, 3 busy, 4 failed
//	size    u64  of the module in bytes; 0 unless the status is ok or too large
//	body         with status ok: the module, compressed with Zstandard (RFC 8878) and a window of at
//	             most MaxWindowBytes
//
// and the end of the stream.
//
// The requester believes nothing: it reads no more than the size that it was told, gives up on a
// body that takes more room than its content could need, and commits nothing whose hash is not the
// one that it asked for. Both sides use a bounded amount of memory whatever the size.
package ship
