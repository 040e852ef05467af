package wnode

import (
	"context"

	"github.com/wnode/wnode/vm/guest"
)

// Overhead is how long an export of a module takes as it is, and as nodes run it.
type Overhead = guest.Overhead

// MeasureOverhead tells what nodes' metering costs functions of a module that is trusted. Each is an export that takes
// its size, an i32, and gives a number; the shortest times of so many rounds count. It takes no node, and a processor
// for as long as the functions take.
func MeasureOverhead(ctx context.Context, module []byte, functions []Measured, rounds int) ([]Overhead, error) {
	return guest.MeasureOverhead(ctx, module, functions, rounds)
}

// Measured is a function that [MeasureOverhead] calls.
type Measured = guest.Measured
