// Package registry keeps names: those of one node's processes ([Local]), and those that all
// connected nodes share ([Global]).
//
// Both are plain state machines. They do no I/O, start nothing and lock nothing: the caller
// serialises the calls, carries messages between nodes, and acts on what comes back.
package registry

import "unicode/utf8"

// MaxNameBytes bounds a name.
const MaxNameBytes = 255

// validName reports whether a name may be registered. "undefined" is what a lookup says of a free name (REG-01).
func validName(name string) bool {
	return name != "" && name != "undefined" && len(name) <= MaxNameBytes && utf8.ValidString(name)
}
