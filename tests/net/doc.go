// Package net runs the built program on hosts of its own, with a network between them that misbehaves.
//
// A host is a network namespace of Linux. Between two hosts stands a middlebox of these tests' own, which
// carries every frame from one to the other, or loses it, holds it up, sends it twice, or makes it come from
// another address. Namespaces take rights that not every machine gives; where it does not, the tests are
// skipped and say why.
//
// What the middlebox draws comes from a seed, which each test prints; -seed takes one again. Deadlines only
// make failures end.
package net
