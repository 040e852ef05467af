// Package abi holds what every part of wnode and every guest agrees on: pids, refs, module
// hashes, signals, exit reasons, error numbers, and the table of host functions that the bindings
// of all guest SDKs are generated from. Package abi/term holds the codec for terms.
//
// It imports nothing of wnode and nothing but the standard library, and it builds for wasip1, so
// guests written in Go use these very types.
//
// Numbers in this package are part of the guest ABI or of the wire format: they are added to,
// never changed.
package abi

//go:generate go run ./gen
