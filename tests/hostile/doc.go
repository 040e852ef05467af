// Package hostile runs guests that attack the node they run on: by taking what it has, by breaking the
// rules of its interface, by pretending to be someone else, and by being modules that are hard to digest.
// Each of them has to end, or to be held, with a reason that says why; and all the while another guest of
// the same node, the witness, has to answer as it always does. It has tests only.
package hostile
