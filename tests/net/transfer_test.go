//go:build linux

package net

import (
	"encoding/binary"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/creack/pty"

	"github.com/wnode/wnode/internal/badnet"
	"github.com/wnode/wnode/internal/nodetest"
	"github.com/wnode/wnode/internal/programtest"
)

// nothing is a guest that ends at once: (module (memory (export "memory") 1) (func (export "_start"))).
var nothing = []byte("\x00asm\x01\x00\x00\x00\x01\x04\x01\x60\x00\x00\x03\x02\x01\x00\x05\x03\x01\x00\x01" +
	"\x07\x13\x02\x06memory\x02\x00\x06_start\x00\x00\x0a\x04\x01\x02\x00\x0b")

const largeBytes = 700_000

// large is that with a custom section which cannot be compressed.
func large() []byte {
	noise := make([]byte, largeBytes)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(noise)
	section := append([]byte{1, 'n'}, noise...)
	b := binary.AppendUvarint(append(slices.Clone(nothing), 0), uint64(len(section)))
	return append(b, section...)
}

// arrived is how much a host has of a module that is on its way there, in bytes.
func (h *host) arrived() (size int64) {
	found, _ := filepath.Glob(filepath.Join(h.home, "cache", "wnode", "modules", "partial-*"))
	for _, path := range found {
		if info, err := os.Stat(path); err == nil {
			size = max(size, info.Size())
		}
	}
	return size
}

// startThree starts a third node beside the second, with a cache of its own, that is connected with both. home is where it keeps that.
func (p *pair) startThree(t *testing.T) (three *node, home *host) {
	t.Helper()
	neighbour := *p.two
	neighbour.home = t.TempDir()
	three = neighbour.start("three", "--connect", p.nodeOne.name)
	three.gives(`until(function() { return Node.list().length > 1 }); "connected"`, "connected")
	return three, &neighbour
}

// A node gets a module from its neighbour that has it, and not over a slow network from where it comes from.
func TestNearestSends(t *testing.T) {
	p := newPair(t)
	three, _ := p.startThree(t)
	if err := os.WriteFile(filepath.Join(p.one.home, "nothing.wasm"), nothing, 0o600); err != nil {
		t.Fatal(err)
	}
	p.box.set(badnet.Faults{Delay: 50 * time.Millisecond})
	p.nodeOne.eval(`nothing = wasm("nothing.wasm"); 0`)
	for _, c := range []struct{ to, from *node }{{p.nodeTwo, p.nodeOne}, {three, p.nodeTwo}} {
		// The links have to notice first how slow the network is.
		p.nodeOne.gives(`for (var i = 0; i < 10; i++) { Node.ping("`+c.to.name+`") } typeof Node.spawn("`+c.to.name+`", nothing)`, "object")
		c.to.Log.AwaitText(t, "module received")
		nodetest.Eventually(t, "the log tells where it came from", func() bool {
			m := regexp.MustCompile(`module received .*peer=(\S+)`).FindStringSubmatch(c.to.Log.String())
			if m != nil && m[1] != c.from.name {
				t.Errorf("%s has it from %s, want %s", c.to.name, m[1], c.from.name)
			}
			return m != nil
		})
	}
}

// A module that is on its way when the network is cut, or the program that wants it is killed, goes on where it stopped:
// by itself, or when the program that was started again wants it again.
func TestTransferGoesOn(t *testing.T) {
	for name, killed := range map[string]bool{"after a partition": false, "after a kill": true} {
		t.Run(name, func(t *testing.T) {
			p := newPair(t, "--dead-after", "2s")
			if err := os.WriteFile(filepath.Join(p.one.home, "large.wasm"), large(), 0o600); err != nil {
				t.Fatal(err)
			}
			spawn := `typeof Node.spawn("` + p.nodeTwo.name + `", wasm("large.wasm"))`
			p.box.set(badnet.Faults{Rate: 1e6 / 8, Backlog: 50 * time.Millisecond})
			p.nodeOne.gives(spawn, "object")
			nodetest.Eventually(t, "a part of the module arrives", func() bool { return p.two.arrived() > largeBytes/4 })
			if killed {
				p.nodeTwo.Stop(os.Kill)
				p.nodeTwo = p.two.start("two", "--dead-after", "2s")
				p.nodeTwo.gives("connected()", "1")
				p.nodeOne.gives(spawn, "object")
			} else {
				p.box.set(badnet.Faults{Cut: true})
				wantLost(p.nodeTwo, "net_tick_timeout")
				p.box.set(badnet.Faults{Rate: 1e6 / 8, Backlog: 50 * time.Millisecond})
			}
			p.nodeTwo.Log.AwaitText(t, "module received")
			nodetest.Eventually(t, "the log tells where it went on", func() bool {
				m := regexp.MustCompile(`module received .*bytes=(\d+) resumed_at=(\d+)`).FindStringSubmatch(p.nodeTwo.Log.String())
				if m == nil {
					return false
				}
				came, _ := strconv.Atoi(m[1])
				before, _ := strconv.Atoi(m[2])
				if before < largeBytes/4 || came+before != len(large()) {
					t.Errorf("%d bytes came, %d were there", came, before)
				}
				t.Logf("%d of %d bytes were there", before, len(large()))
				return true
			})
		})
	}
}

// A person that runs a module on another node sees when that waits for a third one, from which the module comes.
func TestRunTellsOfWaiting(t *testing.T) {
	p := newPair(t)
	three, neighbour := p.startThree(t)
	if err := os.WriteFile(filepath.Join(p.one.home, "large.wasm"), large(), 0o600); err != nil {
		t.Fatal(err)
	}
	p.box.set(badnet.Faults{Delay: 50 * time.Millisecond, Rate: 500e3 / 8, Backlog: time.Second})
	p.nodeOne.gives(`typeof Node.spawn("`+three.name+`", wasm("large.wasm"))`, "object")
	nodetest.Eventually(t, "a part of the module arrives", func() bool { return neighbour.arrived() > 0 })
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("ip", "netns", "exec", p.one.namespace, path, "run", "--name", "run@"+p.one.address, "--on", p.nodeTwo.name, "large.wasm")
	cmd.Env, cmd.Dir = p.one.environ(), p.one.home
	terminal, err := pty.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	defer terminal.Close()
	defer func() { _ = cmd.Process.Kill() }() // it has ended, unless the test has failed
	seen, over := programtest.NewTranscript(), make(chan error, 1)
	go func() {
		seen.Follow(terminal)
		over <- cmd.Wait()
	}()
	seen.AwaitText(t, "waiting for "+three.name+" to send large.wasm to "+p.nodeTwo.name)
	if err := <-over; err != nil {
		t.Errorf("%v:\n%s", err, seen)
	}
}
