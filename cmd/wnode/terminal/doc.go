// Package terminal is the user's terminal: a line that is edited while others write above it.
//
// [Open] gives an [Editor] for a terminal: with history, completion and the usual keys, by way of
// github.com/ergochat/readline; on a terminal that cannot move its cursor (TERM=dumb), and on what
// is no terminal, lines are read as they come.
//
// The library is not made for writers beside the reader: its writer touches the state of the line
// while the reader changes it. So everything happens on the reader's goroutine. While a line is
// read, Write leaves its data in a queue and has the keyboard give a rune that no key has; the
// library hands each rune to a filter before it acts on it, and that filter writes. A new prompt and
// the end of a read that nobody wants any more come the same way.
//
// The terminal is read all the time, and not only while a line is: Ctrl-C must reach what is being
// evaluated, and Ctrl-D, which the system would take for itself, the next line. The library gets
// one whole key with each Read, so that nothing comes into the middle of an escape sequence, and what
// is typed ahead stays where Ctrl-C can drop it. What is typed while another process reads is for that
// process, which gets a moment to read on, and the end of its input never ends the shell.
package terminal
