// Package soak puts three nodes under mixed traffic while what lies between them fails: packets are lost, doubled and
// late, and ways are cut and heal. The nodes are programs, this one in another part: they disconnect, stop, are killed,
// stand still and come back. All that their processes see of each other is noted in one file, and package history decides
// whether it can have come about.
//
// A run is a number of rounds, each with nodes of its own and a seed, which a failure prints:
//
//	go test ./tests/soak -duration 10m
//	go test ./tests/soak -seed 7
//
// The seed makes the same things happen at about the same times; which packet they meet depends on how programs run.
package soak
