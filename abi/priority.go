package abi

import (
	"fmt"
	"slices"
)

// Priority says how large the share of a processor is that a process gets while others compute too.
type Priority int32

// The priorities. The numbers are part of the ABI; 0 stands for none given.
const (
	PriorityLow    Priority = 1
	PriorityNormal Priority = 2 // what a process begins with
	PriorityHigh   Priority = 3
	PriorityMax    Priority = 4
)

// priorityNames are in the order of the numbers.
var priorityNames = []string{"low", "normal", "high", "max"}

// ParsePriority gives the priority of a name: low, normal, high or max. [ErrBadArgument] for any other.
func ParsePriority(name string) (Priority, error) {
	i := slices.Index(priorityNames, name)
	if i < 0 {
		return 0, fmt.Errorf("priority %q: it is one of %v: %w", name, priorityNames, ErrBadArgument)
	}
	return Priority(i + 1), nil
}

// String gives the name.
func (p Priority) String() string {
	if !p.Valid() {
		return fmt.Sprintf("Priority(%d)", int32(p))
	}
	return priorityNames[p-1]
}

// Valid reports whether p is one of the four.
func (p Priority) Valid() bool { return p >= PriorityLow && p <= PriorityMax }
