package wnode

import (
	"context"
	"crypto/sha256"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/vm/module"
)

// Whoever wants a module that several nodes have gets it from the node that it knows, however many others wait for it
// in vain, who know nodes that are gone; and those do not wait for each other without end.
func TestModuleOfAnotherOrigin(t *testing.T) {
	const gone, there abi.NodeID = 100, 7
	bytes := []byte("a module")
	hash := abi.Hash(sha256.Sum256(bytes))
	for range 20 { // who tries next is anybody's turn
		synctest.Test(t, func(t *testing.T) {
			store, err := module.NewStore(module.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer store.Close()
			n := &Node{store: store}
			fetch := func(_ context.Context, _ abi.Hash, origin abi.NodeID) error {
				time.Sleep(time.Second)
				if origin != there {
					return &originError{origin, "gone", abi.ErrNotConnected}
				}
				_, err := store.Put(bytes)
				return err
			}
			var wg sync.WaitGroup
			ask := func(origin abi.NodeID) {
				wg.Go(func() {
					_, err := n.bring(t.Context(), hash, origin, fetch)
					if err != nil && (origin == there || !errors.Is(err, abi.ErrNotConnected)) {
						t.Errorf("the module of %d: %v", origin, err)
					}
				})
			}
			ask(gone)
			synctest.Wait()
			for i := range abi.NodeID(3) {
				ask(gone + i)
				ask(gone + i)
			}
			ask(there)
			wg.Wait()
		})
	}
}
