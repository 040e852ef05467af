//go:build race

package hostile

// functions is how many functions a module has that has very many: the race detector makes compiling slow.
const functions = 50_000

// hoarders is how many guests hoard together.
const hoarders = 200
