// Package terminal is the user's terminal: a line that is edited while others write above it.
//
// [Open] gives an [Editor] for a terminal: with history, completion and the usual keys, by way of
// github.com/ergochat/readline; on a terminal that cannot move its cursor (TERM=dumb), and on what
// is no terminal, lines are read as they come.
//
// The library is not made for writers beside the reader: its writer touches the state of the line
// while the reader changes it. So everything happens on the reader's goroutine. While a line is
// read, Write leaves its data in a queue and puts a rune that no keyboard has into the input; the
// library hands each rune to a filter before it acts on it, and that filter writes. A new prompt and
// the end of a read that nobody wants any more come the same way.
package terminal
