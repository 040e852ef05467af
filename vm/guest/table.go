package guest

import (
	"encoding/binary"
	"fmt"
)

// tableSection is the id of the section with the tables (core specification 5.5.7).
const tableSection = 4

// Tables are no part of a guest's memory and have bounds of their own: 8 MiB, at 8 bytes an element.
const (
	maxTables        = 16
	maxTableElements = 1 << 20 // of all tables together
)

// Flags of the limits of a table.
const (
	limitsMin    = 0
	limitsMinMax = 1
)

// boundTables rewrites the table section so that no table can grow beyond its share of
// [maxTableElements]. Tables that start beyond it are a [*compileError].
func boundTables(section []byte) ([]byte, error) {
	count, rest, err := number(section)
	if err != nil {
		return nil, err
	}
	if count > maxTables {
		return nil, &compileError{fmt.Sprintf("%d tables, at most %d", count, maxTables)}
	}
	out := binary.AppendUvarint(nil, uint64(count))
	for range count {
		share := maxTableElements / count
		if len(rest) < 2 || rest[1] != limitsMin && rest[1] != limitsMinMax {
			return nil, errMalformed
		}
		element, flag := rest[0], rest[1]
		var least, most uint32
		if least, rest, err = number(rest[2:]); err != nil {
			return nil, err
		}
		most = share
		if flag == limitsMinMax {
			var declared uint32
			if declared, rest, err = number(rest); err != nil || declared < least {
				return nil, errMalformed
			}
			most = min(declared, share)
		}
		if least > share {
			return nil, &compileError{fmt.Sprintf("a table of %d elements, at most %d", least, share)}
		}
		out = binary.AppendUvarint(append(out, element, limitsMinMax), uint64(least))
		out = binary.AppendUvarint(out, uint64(most))
	}
	if len(rest) > 0 {
		return nil, errMalformed
	}
	return out, nil
}
