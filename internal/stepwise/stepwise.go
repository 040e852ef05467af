// Package stepwise copies what is large in steps that others can come between.
//
// Nothing stops a copy once it has begun. Where the pages that it goes to are new it takes a second for a few hundred
// megabytes, and a garbage collection that begins meanwhile waits for its end, with a processor of its own, and all others
// with it. What is small is copied as ever.
package stepwise

import "bytes"

// Step is how much is copied at a time, in bytes: a tenth of a millisecond, or half of one where the pages are new.
const Step = 1 << 20

// Copy is the built-in copy for bytes. It calls between after each [Step] but the last, for others to run; it must contain a
// call, as of [runtime.Gosched], for a garbage collection to begin. The bytes must not change meanwhile.
func Copy(to, from []byte, between func()) int {
	from = from[:min(len(from), len(to))]
	n := len(from)
	for ; len(from) > Step; to, from = to[Step:], from[Step:] {
		copy(to, from[:Step])
		between()
	}
	copy(to, from)
	return n
}

// Clone is [bytes.Clone] as [Copy] copies.
func Clone(b []byte, between func()) []byte {
	if len(b) <= Step {
		return bytes.Clone(b)
	}
	clone := make([]byte, len(b)) // which the runtime clears in steps of its own
	Copy(clone, b, between)
	return clone
}
