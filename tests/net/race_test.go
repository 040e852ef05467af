//go:build linux && race

package net

// raceDetector says that these tests, and so the program too, run under the race detector.
const raceDetector = true
