// Package programs runs programs that know nothing of nodes, once on a node and once in plain wazero: what they write,
// what they leave in a folder, and how they end must be the same, byte for byte. It has tests only.
//
// With the tag programs there are large ones of others, a Ruby and SQLite, which scripts/build-programs builds.
package programs
