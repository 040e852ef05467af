// Package e2e drives the built program as people do: windows are pseudo-terminals whose screens are
// read, programs are processes of the operating system, sockets are real, on loopback addresses.
//
// A host in these tests is a user on a machine: a home directory, a cache and a well-known port
// of its own. So the tests run in parallel, and never meet the nodes of whoever runs them. Deadlines
// only make failures end; nothing waits for time to pass.
package e2e
