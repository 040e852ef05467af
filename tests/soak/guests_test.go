//go:build linux

package soak

import (
	"github.com/wnode/wnode/abi"
	. "github.com/wnode/wnode/internal/wasmtest"
)

// maxRelayed bounds what a relay sends back, in bytes.
const maxRelayed = 32 << 10

// relay is a guest that sends every message back to where it came from.
func relay() []byte {
	const sender, length, buffer = 0, 500, 1024
	return Entry(Loop(
		I32(length), Call("wnode.receive", I64(-1), I32(buffer), I32(maxRelayed)), I32Store,
		Do("wnode.message_sender", I32(sender)),
		Do("wnode.send", PidAt(sender), I32(buffer), Seq(I32(length), I32Load)),
	)).Bytes()
}

// mayfly is a guest that ends at once.
func mayfly() []byte { return Entry().Bytes() }

// reasons of the ends of guests, as a history has them.
const (
	mayflyEnds = abi.ReasonNormal + "|shutdown"
	relayEnds  = "killed|shutdown"
)
