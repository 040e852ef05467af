// Package vm is the machine: processes, their mailboxes, and the signals between them.
//
// A [System] holds the processes of one node. A [Process] is a [Body] on a stack of its own,
// with a pid, a mailbox and a group leader; what the body is (a WebAssembly instance, a Go
// function) the machine does not know. The stack is a goroutine's, or, for a body that is [Scheduled], one that
// the machine's own scheduler gives its turns (package sched). Processes share nothing. Whatever one does to another is an
// [abi.Signal], and every signal goes one way: [System.Route] delivers it on this node or hands it
// to the [Remote] that joins the nodes; a remote node's signals come in through [System.Deliver].
//
// How processes behave is the BEAM's semantics as far as it carries over to WebAssembly. Reasons
// and messages are terms in their CBOR encoding (package abi/term).
//
// # Locks
//
// A process's lock is never held while a signal is routed. Two are held at once only to link or
// unlink two processes of this node, in the order of their numbers.
// The system's own locks (table, remote watches) are taken last and call nothing.
package vm
