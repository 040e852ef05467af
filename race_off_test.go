//go:build !race

package wnode

// raceDetector is off: the large tests have their full size.
const raceDetector = false
