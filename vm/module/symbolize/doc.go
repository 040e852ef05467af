// Package symbolize finds the lines of source code that places in a module's code come from, as the
// module's DWARF tells it (versions 2 to 5, in its 32-bit format; DWARF for WebAssembly).
//
// The DWARF is a stranger's: it may be malformed or made to do harm. A search reads sections from their
// beginning to their end, keeps next to nothing of them, and gives up when it has done more than a
// real module asks for. The standard library's reader is made for files that one has built oneself: it
// sizes slices by numbers that it finds there.
package symbolize
