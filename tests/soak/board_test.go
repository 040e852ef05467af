//go:build linux

package soak

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/tests/soak/history"
)

// board is the file on which all programs of a round write what happens, and read what they have to know of each
// other. Each write is behind all that there is, whoever writes: so the order of entries is that of time, and what a
// program has written stays when it is killed. Its methods may be called concurrently.
type board struct {
	file *os.File

	mu   sync.Mutex // guards what follows
	at   int64      // how far the file has been read
	part []byte     // of the line that is there
	seen digest
}

// entry is a line of the board. One of its fields is not zero.
type entry struct {
	Event   *history.Event `json:",omitempty"`
	Contact *contact       `json:",omitempty"` // of a worker that is there, or has changed
	Spawn   *spawn         `json:",omitempty"`
	Joined  string         `json:",omitempty"` // the life of a node that is connected to all others
	Failure string         `json:",omitempty"` // what must not be, and no event tells of
}

// contact is what workers know of each other. It is not changed.
type contact struct {
	Name    string // it is registered under that, too
	Pid     abi.Pid
	Node    string
	Sponsor string `json:",omitempty"` // who may set its group leader
	Alias   abi.Ref
	Way     string // of the alias
}

// spawn is a guest that somebody asks for on a node. The pid is not zero once there is an answer.
type spawn struct {
	Node abi.NodeID
	Pid  abi.Pid
}

// openBoard opens the board, which is made if there is none.
func openBoard(path string) (*board, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	return &board{file: file, seen: newDigest()}, nil
}

func (b *board) close() { _ = b.file.Close() }

// write adds an entry. The line begins with its own end of a line, since a program may have been killed in the middle of the
// one before.
func (b *board) write(e entry) {
	line, err := json.Marshal(e)
	if err == nil {
		_, err = b.file.Write(slices.Concat([]byte("\n"), line, []byte("\n")))
	}
	if err != nil {
		panic(fmt.Sprintf("the board: %v", err)) // nothing can be known any more
	}
}

func (b *board) note(e history.Event) { b.write(entry{Event: &e}) }

// fail notes what must not be.
func (b *board) fail(format string, args ...any) {
	b.write(entry{Failure: fmt.Sprintf(format, args...)})
}

// now gives what the whole board says, until release is called.
func (b *board) now() (seen *digest, release func()) {
	b.mu.Lock()
	b.readLocked()
	return &b.seen, b.mu.Unlock
}

// living gives the workers that live, in the order of their names.
func (b *board) living() []*contact {
	seen, release := b.now()
	defer release()
	return seen.living()
}

// dead gives workers that have ended, with their nodes or before them.
func (b *board) dead() []*contact {
	seen, release := b.now()
	defer release()
	return slices.Clone(seen.dead)
}

// nameOf gives the name of a worker, dead or alive, by its pid.
func (b *board) nameOf(pid abi.Pid) (name string, known bool) {
	seen, release := b.now()
	defer release()
	name, known = seen.names[pid]
	return name, known
}

// lacks reports whether not all that was sent on a channel has arrived.
func (b *board) lacks(ch history.Channel) bool {
	seen, release := b.now()
	defer release()
	p := seen.ways[ch]
	return p != nil && p.received < p.sent
}

// readLocked reads on to the end.
func (b *board) readLocked() {
	buffer := make([]byte, 1<<16)
	for {
		n, err := b.file.ReadAt(buffer, b.at)
		b.at += int64(n)
		b.part = append(b.part, buffer[:n]...)
		if err != nil { // the end
			break
		}
	}
	lines := strings.SplitAfter(string(b.part), "\n")
	b.part = []byte(lines[len(lines)-1])
	for _, line := range lines[:len(lines)-1] {
		if line != "\n" {
			b.seen.takeLine([]byte(line))
		}
	}
}

// Programs that write at a time, of which one is killed within a line, leave each other's lines alone.
func TestBoard(t *testing.T) {
	path := t.TempDir() + "/board"
	var boards []*board
	for range 3 {
		b, err := openBoard(path)
		if err != nil {
			t.Fatal(err)
		}
		defer b.close()
		boards = append(boards, b)
	}
	const each = 100
	var wg sync.WaitGroup
	for i, b := range boards {
		wg.Go(func() {
			for n := range each {
				b.note(history.Event{Kind: history.Idle, Process: fmt.Sprint(i), Number: n + 1, Reason: strings.Repeat("x", n*100)})
				if n == each/2 {
					_, _ = b.file.WriteString("\n{\"Event\":{\"Kind\":1,\"Pro") // and no more
				}
			}
		})
	}
	wg.Wait()
	for _, b := range boards {
		seen, release := b.now()
		next := map[string]int{}
		for _, e := range seen.events {
			if next[e.Process]++; e.Number != next[e.Process] {
				t.Errorf("%d of %s follows %d", e.Number, e.Process, next[e.Process]-1)
			}
		}
		if len(seen.events) != 3*each || seen.torn != 3 {
			t.Errorf("%d events and %d torn", len(seen.events), seen.torn)
		}
		release()
	}
}
