//go:build !race

package guest

// raceDetector is off.
const raceDetector = false
