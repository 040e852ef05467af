//go:build !race

package spec

// raceDetector says that the tests run under the race detector.
const raceDetector = false
