// Package rewrite makes a WebAssembly module safe to run for a node that must stay in control: it
// cannot keep a core for itself, nor a stack, nor more table than it is given.
//
// # Reductions
//
// A global counts down. Wherever code can come by again, which is at the heads of loops, and at the
// entries of functions and the indirect calls that close a circle of calls, the work until the next
// such place is subtracted, and when the global falls below zero the host function [Yield] is
// called. It ends the process, or lets others run and gives a new budget. The unit, a reduction,
// stands for 16 instructions. What is charged is the longest way through the code, so that no way,
// whatever branches it takes, gets by without paying. Ways of more than 128 instructions get a
// discount: where there are many branches, the longest way is far longer than the one that is taken.
//
// A call inside a loop costs far more than the subtraction: the compiler then keeps nothing in registers.
// So a loop without calls is put into another, which has the call:
//
//	loop                     ;; the host is called here
//	  if (left < 0) left = yield(left)
//	  loop                   ;; the loop as it was
//	    left = left - cost
//	    if (left < 0) br 2   ;; to the outer loop
//	    ...
//
// Functions that call no other function of the module keep the counter in a local while they run. Of a short loop
// that has neither calls nor loops in it, the body is there twice, one behind the other, and both are charged for at
// once: who leaves the loop by a branch between them has paid for one turn more.
//
// # Depth
//
// A second global counts the bytes of stack that are left, by an estimate from the locals and
// operands of each function. Functions and indirect calls that close a circle, and functions with large frames, subtract
// what is used from there to the next that counts, and add it again when they are left. Below zero,
// [StackOverflow] is called, which may give more: the runtime keeps the stack that a function has once needed, so that
// whoever calls it again and again can be given little at first.
//
// A tail call takes no stack: the caller gives back what it has subtracted, and what it calls subtracts for itself.
//
// # Bounds
//
// Tables and memories get a maximum. Instructions that work on any number of bytes or elements are
// charged by that number, and in pieces where a single one could take long.
//
// # Tables
//
// A large table that never changes is turned into code: calls through it become calls of a function that branches on
// the index, and that accounts for all that is called that way.
//
// # State
//
// With [Options.State] everything that an instance's code can change is within reach from outside: the mutable
// globals are exported, and what instantiation would do to the memory is left to whoever makes the instance,
// who can then make one that is already further on. [State] says how, and package image does it.
//
// # Waits
//
// A host that wants to know where a guest is has to be told of the stack by the runtime at each call, which is dear. So
// functions in which guests wait ([Options.Waits]) have others stand in for them: when one returns [Again], which it does when
// somebody asks, [Where] is called, of which the host is told, and then it once more.
//
// # What stays
//
// Results, traps and exports stay what they were. The functions that are added come behind those that are there, except the
// imports, three or four, which move the functions that are not imported by as many: [Layout] translates, and
// the name section follows. All other custom sections are dropped.
//
// # Source lines
//
// Of a module that has source lines in DWARF, [Offsets] tells which instruction each of the new code stands for. The
// compiler gives offsets in its stack traces only when there is DWARF, so such a module gets another one in place
// of its own: as little as makes the compiler look, and nothing that somebody else has written.
package rewrite
