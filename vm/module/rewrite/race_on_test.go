//go:build race

package rewrite_test

// raceDetector is on: it finds nothing in guests, and takes its time.
const raceDetector = true
