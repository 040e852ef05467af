package wnode

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
	"github.com/wnode/wnode/net/wire"
	"github.com/wnode/wnode/registry"
)

// GLOB-11: all the names that a node may have, however long, fit into its first words, each of which the other node
// takes, and the sync comes last.
func TestFirstWords(t *testing.T) {
	for _, most := range []int{wire.MinSignalBytes, maxFirstWord} {
		for _, count := range []int{0, 1, 100, registry.MaxNodeNames} {
			own := make([]registry.Entry, count)
			for i := range own {
				name := fmt.Sprintf("%0*d", registry.MaxNameBytes, i)
				own[i] = registry.Entry{Name: name, Pid: abi.Pid{Node: ^abi.NodeID(0), Num: ^uint64(0)}}
			}
			members := make([]memberAddr, 2*maxMembers)
			for i := range members {
				members[i] = memberAddr{Name: fmt.Sprintf("%0255d", i), Addr: strings.Repeat("x", 60)}
			}
			var got []registry.Entry
			words := firstWords(own, members, most)
			for i, word := range words {
				if size := len(term.MustEncode(serviceMessage{Name: &word})); size > most {
					t.Fatalf("%d names: word %d of %d takes %d bytes of %d", count, i, len(words), size, most)
				}
				if word.Op == opCommit {
					got = append(got, registry.Entry{Name: word.Name, Pid: word.Pid})
				}
				if (word.Op == opSync) != (i == len(words)-1) {
					t.Fatalf("word %d of %d is %s", i, len(words), word.Op)
				}
			}
			last := words[len(words)-1]
			got = append(got, last.Entries...)
			slices.SortFunc(got, func(a, b registry.Entry) int { return strings.Compare(a.Name, b.Name) })
			if !slices.Equal(got, own) {
				t.Errorf("%d names of %d", len(got), count)
			}
			if want := min(maxMembers, most/2/400); len(last.Members) < want || len(last.Members) > maxMembers {
				t.Errorf("%d nodes, want %d at least", len(last.Members), want)
			}
		}
	}
}

// A node that has all the names that it may have can be connected to, and all of them are known then.
func TestConnectWithAllNames(t *testing.T) {
	c := newCluster(t)
	one, two := c.start("one", "chocolate"), c.start("two", "chocolate")
	names := registry.MaxNodeNames
	if raceDetector {
		names /= 4 // all of them come close to connectTimeout
	}
	one.globals.mu.Lock()
	for i := range names { // whose processes have ended, and the names with them, is nothing to the others
		entry := registry.Entry{Name: fmt.Sprintf("%0*d", registry.MaxNameBytes, i), Pid: abi.Pid{Node: one.id, Num: uint64(1 + i)}}
		if _, err := one.globals.state.Commit(entry); err != nil {
			t.Fatal(err)
		}
	}
	one.globals.mu.Unlock()
	if err := two.Connect(t.Context(), one.Name()); err != nil {
		t.Fatal(err)
	}
	if got := len(two.GlobalNames()); got != names {
		t.Errorf("two knows %d names", got)
	}
	if got := one.Nodes(); !slices.Equal(got, []string{two.Name()}) {
		t.Errorf("one lists %v", got)
	}
}
