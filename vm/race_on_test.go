//go:build race

package vm_test

// raceDetector is on: what the large tests do takes ten times as long, and they do less of it.
const raceDetector = true
