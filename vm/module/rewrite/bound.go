package rewrite

import (
	"fmt"

	"github.com/wnode/wnode/vm/module/wasm"
)

// Tables are no part of a guest's memory and have bounds of their own: 8 MiB, at 8 bytes an element.
const (
	MaxTables        = 16
	MaxTableElements = 1 << 20 // of all tables together
	elementBytes     = 8
)

// bound gives each table and memory a maximum. Tables that start beyond theirs are a [*BoundError];
// what the compiler makes of a memory that does is its own business. It gives the elements that all
// tables have to begin with.
func bound(m *wasm.Module, pages uint32) (elements uint32, err error) {
	if len(m.Tables) > MaxTables {
		return 0, &BoundError{fmt.Sprintf("%d tables, at most %d", len(m.Tables), MaxTables)}
	}
	for i := range m.Tables {
		share := MaxTableElements / uint32(len(m.Tables))
		l := &m.Tables[i].Limits
		if l.HasMax && l.Max < l.Min {
			return 0, fmt.Errorf("%w: a table of more elements than it can have", wasm.ErrMalformed)
		}
		if l.Min > share {
			return 0, &BoundError{fmt.Sprintf("a table of %d elements, at most %d", l.Min, share)}
		}
		capLimits(l, share)
		elements += l.Min
	}
	for i := range m.Memories {
		if l := &m.Memories[i]; pages > 0 && l.Min <= pages {
			capLimits(l, pages)
		}
	}
	return elements, nil
}

// tableBytes bounds what bounded tables take: what they begin with, unless the module makes them grow.
func tableBytes(tables []wasm.Table, grow bool) (bytes uint64) {
	for i := range tables {
		l := &tables[i].Limits
		elements := l.Min
		if grow {
			elements = l.Max
		}
		bytes += uint64(elements) * elementBytes
	}
	return bytes
}

func capLimits(l *wasm.Limits, most uint32) {
	if !l.HasMax || l.Max > most {
		l.HasMax, l.Max = true, most
	}
}
