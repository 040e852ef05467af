//go:build wasip1

// The guest greeter is a server with nothing but the standard library: it greets whoever connects to the
// listener that it was given, by the name that the client writes on a line. With an argument it does nothing.
package main

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"syscall"
)

// listener is the descriptor of the first listener of a program without folders.
const listener = 3

func main() {
	if len(os.Args) > 1 {
		return
	}
	if err := serve(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func serve() error {
	// Go asks whether a descriptor blocks, and lets other goroutines run meanwhile if it does not.
	if err := syscall.SetNonblock(listener, true); err != nil {
		return err
	}
	file := os.NewFile(listener, "listener")
	l, err := net.FileListener(file)
	if err != nil {
		return err
	}
	defer l.Close()
	for {
		conn, err := l.Accept()
		if err != nil {
			return err
		}
		go greet(conn)
	}
}

func greet(conn net.Conn) {
	defer conn.Close()
	for lines := bufio.NewScanner(conn); lines.Scan(); {
		if _, err := fmt.Fprintf(conn, "hello %s\n", lines.Text()); err != nil {
			return
		}
	}
}
