package vm_test

import (
	"reflect"
	"testing"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
	"github.com/wnode/wnode/internal/wiredoc"
	"github.com/wnode/wnode/vm"
)

func TestPageOfTheProtocol(t *testing.T) {
	most := 0
	wiredoc.Check(t, "spawn", func(e wiredoc.Example) ([]byte, error) {
		var req vm.SpawnRequest
		if err := term.DecodeKnown(e.Bytes, &req); err != nil {
			return nil, err
		}
		keys, err := term.Decode(e.Bytes)
		most = max(most, len(keys.(map[any]any)))
		if err != nil {
			return nil, err
		}
		return term.Encode(req)
	})
	if fields := reflect.TypeFor[vm.SpawnRequest]().NumField(); most != fields {
		t.Errorf("docs/protocol.md has no example of a spawn request with all of %d keys", fields)
	}
	wiredoc.Check(t, "spawn-reply", func(e wiredoc.Example) ([]byte, error) {
		const here = 0x1111111111111111
		pid, err := vm.ReadSpawnReply(abi.Signal{Kind: abi.SignalSpawnReply, From: abi.Pid{Node: here, Num: 5}, Data: e.Bytes})
		if number, failed := err.(abi.Errno); failed {
			return term.Encode([]any{"error", int32(number)})
		}
		if err != nil {
			return nil, err
		}
		return term.Encode([]any{"ok", pid})
	})
}
