// Package sched runs tasks on the processors that Go gives the program. A task has a stack of its own, as
// a goroutine has, but who runs next is decided here: to stop one task and go on with another takes
// some 50 ns, where goroutines that wake each other through a channel need four times that on one processor, and
// more when the other one sleeps.
//
// There is one run queue for each processor, served by one worker at a time. The first task that a task makes
// ready ([Task.Ready]) is the next on its processor, so that two that talk to each other stay together; if its maker waits before it has
// had its turn, it has that turn from its maker's stack, which saves half of the changes of stacks. Further ones
// go into its queue, and so does that one when the task goes on for longer than a slice ([Task.Yield]). A processor without
// work is woken for what is in a queue, and takes half of it. Who has used a slice up comes behind those who have not: they
// are soon done, so that who waits for an answer need not wait for all who compute.
//
// A task waits with [Task.Park]. Around anything else that waits, a channel or a system call, it
// says so with [Task.Block] and [Task.Unblock]: another worker serves its processor meanwhile.
package sched
