// Package cpace implements CPace, a balanced password-authenticated key
// exchange, over the group ristretto255 with the hash SHA-512, in its
// initiator-responder setting (draft-irtf-cfrg-cpace; the group is RFC 9496).
//
// Two parties that know the same low-entropy string, a session identifier and
// a channel identifier exchange one group element each and derive a key. The
// keys are equal exactly if all inputs were. Somebody who does not know the
// string learns whether one guess was right from one exchange with a party
// that does, and nothing that lets him test more guesses afterwards.
//
// The key is not confirmed here: a party that needs to know that the other one
// derived the same key proves it with a MAC, as package cookie does.
package cpace
