//go:build !race

package programtest

// Race says that the tests, and so the program too, run under the race detector.
const Race = false
