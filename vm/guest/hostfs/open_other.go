//go:build !unix

package hostfs

// openFlags are none where there are no FIFOs among the files.
const openFlags = 0
