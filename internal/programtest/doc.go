// Package programtest runs the built program in tests: it builds it, starts it, follows what it writes, and ends it.
package programtest
