// Package shell is the JavaScript shell of a node: what one types at the prompt of `wnode start`,
// and what `wnode eval` evaluates.
//
// An [Evaluator] runs inside a process and acts as that process: self() is its pid, send sends
// from it, receive looks into its mailbox. It reads and writes through its group leader, as every
// process does, and knows nothing of the terminal behind it. A [Shell] keeps an evaluator going:
// it reads inputs, evaluates them, prints what comes out, and when an exit signal ends the
// evaluator's process it says so and starts another (LINK-09).
//
// JavaScript values and terms correspond as follows; what has no counterpart throws a TypeError.
//
//	null, undefined        null
//	boolean, string        the same
//	number                 an integer when it is one and at most 2^53-1, else a float
//	BigInt                 an integer; integers beyond 2^53-1 come back as BigInt
//	array                  array
//	plain object, Map      map; a map whose keys are all texts comes back as an object
//	Uint8Array, ArrayBuffer  binary; comes back as Uint8Array
//	pid, ref, function     objects of the shell's own; equal ones are the same object (===)
package shell
