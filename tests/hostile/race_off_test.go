//go:build !race

package hostile

// functions is how many functions a module has that has very many: as many as one may have.
const functions = 1_000_000

// hoarders is how many guests hoard together.
const hoarders = 1000
