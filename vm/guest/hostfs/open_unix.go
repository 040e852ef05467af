//go:build unix

package hostfs

import "syscall"

// openFlags keep an open from waiting, which one of a FIFO does, and a terminal from becoming the node's.
const openFlags = syscall.O_NONBLOCK | syscall.O_NOCTTY
