// Package peers joins nodes with peers that hold the cookie and do not speak as this version does: peers of later
// versions, which have to get on with it, and hostile ones, which must not make it panic, hang, or keep
// memory without bound. They speak QUIC over loopback by themselves. It has tests only.
package peers
