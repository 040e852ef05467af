// Package module knows WebAssembly modules as bytes, before they become code.
//
// A module's name is the SHA-256 of its bytes, an [abi.Hash], so that every node means the same by
// it and a module that came over the network is either the right one or is thrown away. [Store]
// keeps modules by that name: a bounded part of them in memory, and a bounded folder of them on
// disk that all nodes of one user may share. [Check] tells a module from the other things that people
// hand over in its place.
package module
