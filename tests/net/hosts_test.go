//go:build linux

package net

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"
)

// The addresses of the two hosts. Every pair of hosts has a network of its own.
const (
	addressOne   = "10.77.0.1"
	addressTwo   = "10.77.0.2"
	addressMoved = "10.77.0.9" // of the first host too, for packets that the middlebox makes come from there
)

var networks atomic.Uint64

// network is two hosts and the middlebox between them.
type network struct {
	t        *testing.T
	one, two *host
	box      *middlebox
	seed     uint64
}

// host is a machine, as far as wnode knows: a network namespace and a home directory.
type host struct {
	t         *testing.T
	namespace string
	address   string
	home      string
}

// tryNamespace says why there can be no namespace, "" when there can.
func tryNamespace() string {
	if _, err := exec.LookPath("ip"); err != nil {
		return "the program ip is missing (Debian: apt-get install iproute2)"
	}
	name := fmt.Sprintf("wnode-%d-try", os.Getpid())
	if err := ip("netns", "add", name); err != nil {
		return err.Error()
	}
	if err := ip("netns", "del", name); err != nil {
		return err.Error()
	}
	return ""
}

func ip(args ...string) error {
	if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("ip %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}

// newNetwork makes two hosts; the end of the test takes them away.
func newNetwork(t *testing.T) *network {
	t.Helper()
	needNamespaces(t)
	t.Parallel()
	n := &network{t: t, seed: *seedFlag}
	if n.seed == 0 {
		n.seed = rand.Uint64()
	}
	t.Logf("run again with -run '^%s$' -seed %d", t.Name(), n.seed)
	prefix := fmt.Sprintf("wnode-%d-%d-", os.Getpid(), networks.Add(1))
	middle := n.namespace(prefix + "middle")
	n.one = n.host(prefix+"one", middle, addressOne)
	n.two = n.host(prefix+"two", middle, addressTwo)
	n.run("-n", n.one.namespace, "addr", "add", addressMoved+"/24", "dev", "eth0")
	n.box = newMiddlebox(t, n.seed, packetSocket(t, middle, addressOne), packetSocket(t, middle, addressTwo))
	return n
}

func (n *network) run(args ...string) {
	n.t.Helper()
	if err := ip(args...); err != nil {
		n.t.Fatal(err)
	}
}

func (n *network) namespace(name string) string {
	n.t.Helper()
	n.run("netns", "add", name)
	n.t.Cleanup(func() {
		if err := ip("netns", "del", name); err != nil {
			n.t.Error(err)
		}
	})
	return name
}

// host makes a host and the cable to the middle, where its end is called as the host's address.
func (n *network) host(name, middle, address string) *host {
	n.t.Helper()
	h := &host{t: n.t, namespace: n.namespace(name), address: address, home: n.t.TempDir()}
	n.run("link", "add", "eth0", "netns", name, "type", "veth", "peer", "name", address, "netns", middle)
	n.run("-n", name, "addr", "add", address+"/24", "dev", "eth0")
	for _, device := range [][]string{{name, "lo"}, {name, "eth0"}, {middle, address}} {
		n.run("-n", device[0], "link", "set", device[1], "up")
	}
	return h
}

// packetSocket opens a socket for all frames of a device in a namespace.
func packetSocket(t *testing.T, namespace, device string) *os.File {
	t.Helper()
	type opened struct {
		fd  int
		err error
	}
	done := make(chan opened)
	go func() {
		runtime.LockOSThread() // for good: the thread is in the namespace, and ends with this function
		fd, err := openPacketSocket(namespace, device)
		done <- opened{fd, err}
	}()
	o := <-done
	if o.err != nil {
		t.Fatalf("packet socket of %s in %s: %v", device, namespace, o.err)
	}
	return os.NewFile(uintptr(o.fd), device)
}

// openPacketSocket moves its thread into the namespace.
func openPacketSocket(namespace, device string) (int, error) {
	ns, err := os.Open("/run/netns/" + namespace)
	if err != nil {
		return 0, err
	}
	defer ns.Close()
	if err := unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET); err != nil {
		return 0, err
	}
	const all = unix.ETH_P_ALL<<8&0xff00 | unix.ETH_P_ALL>>8 // in the order of the network
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, all)
	if err != nil {
		return 0, err
	}
	request, err := unix.NewIfreq(device)
	if err == nil {
		err = unix.IoctlIfreq(fd, unix.SIOCGIFINDEX, request)
	}
	if err == nil {
		err = unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1)
	}
	if err == nil {
		err = unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: all, Ifindex: int(request.Uint32())})
	}
	if err != nil {
		_ = unix.Close(fd)
		return 0, err
	}
	return fd, nil
}
