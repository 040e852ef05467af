//go:build race

package wnode

// raceDetector is on: what the large tests do takes several times as long, and they do less of it.
const raceDetector = true
