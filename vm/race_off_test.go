//go:build !race

package vm_test

// raceDetector is off: the large tests have their full size.
const raceDetector = false
