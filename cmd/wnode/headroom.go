package main

import "github.com/wnode/wnode"

// How much garbage there may be before Go's collector runs, in bytes: at most, and as a part of the machine's memory.
const (
	mostHeadroom = 64 << 20
	headroomPart = 64
)

// headroom gives memory that nobody touches, so that the system need not give it, and that has to be kept until the
// end. The collector runs when the heap is twice what was live: without it, that is every 15 ms on a node that has a few
// guests and spawns what it can, and a fifth of its time.
func headroom() []byte {
	return make([]byte, min(mostHeadroom, wnode.MachineMemory()/headroomPart))
}
