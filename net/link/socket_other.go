//go:build !linux

package link

import "net"

// reading gives the connection to read packets from.
func reading(conn net.PacketConn) net.PacketConn { return conn }
