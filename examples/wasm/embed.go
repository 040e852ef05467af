// Package wasm holds small guests for people to copy from, and the ones that wnode itself shows.
package wasm

import _ "embed"

// Whoami is a module that prints the name of the node it runs on.
//
//go:embed whoami/whoami.wasm
var Whoami []byte
