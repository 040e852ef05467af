// Package wasmtest makes WebAssembly modules for tests. A Module says what a guest has, an Op is a piece of
// its code; functions and host functions are called by name, and imports come with the calls.
//
// The kit trusts who uses it: a name that nothing has is a panic, and the code is not checked, so that a
// test can make what no compiler would.
package wasmtest
