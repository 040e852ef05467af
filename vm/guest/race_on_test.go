//go:build race

package guest

// raceDetector is on: it follows 8128 goroutines at most.
const raceDetector = true
