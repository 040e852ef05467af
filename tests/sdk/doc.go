// Package sdk tests the Go guest SDK end to end: it builds a guest, tests/guests/sdk, and runs each of its
// scenarios on a node, those that may be so with their other processes on a second one. Nothing is
// faked: what is tested is what users have. It has tests only.
package sdk
