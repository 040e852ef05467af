package vm_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/internal/stepwise"
	"github.com/wnode/wnode/vm"
)

// SIG-01: messages that are copied in steps, and those that just are not, come whole and in order, and share nothing with what
// the sender and the receiver have.
func TestLargeMessagesAreCopied(t *testing.T) {
	sizes := []int{8, stepwise.Step, stepwise.Step + 1, 9, 3*stepwise.Step + 5}
	content := func(size int) []byte { return bytes.Repeat([]byte{byte(size), 1, 2}, size/3+1)[:size] }
	for name, receive := range map[string]func(p *vm.Process, buffer []byte) (vm.Arrival, error){
		"receive": func(p *vm.Process, buffer []byte) (vm.Arrival, error) {
			if a, err := p.ReceiveInto(vm.Infinity, buffer[:4]); err != nil || a.Size <= 4 {
				t.Errorf("%+v, %v: it was taken into too small a buffer", a, err)
			}
			return p.ReceiveInto(vm.Infinity, buffer)
		},
		"read and take": func(p *vm.Process, buffer []byte) (vm.Arrival, error) {
			for range 2 {
				if _, err := p.WaitArrival(vm.Infinity); err != nil {
					return vm.Arrival{}, err
				}
				if size, ok := p.CopyCurrent(buffer[:4]); !ok || size <= 4 {
					t.Errorf("%d, %v", size, ok)
				}
				p.CopyCurrent(buffer)
			}
			a, _ := p.Discard()
			return a, nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			withScheduler(t, func(t *testing.T, sys *vm.System) {
				to, ended := spawnScheduled(t, sys, vm.SpawnOptions{}, func(p *vm.Process) {
					buffer := make([]byte, 4*stepwise.Step)
					for _, size := range sizes {
						a, err := receive(p, buffer)
						if err != nil || a.Size != size || !bytes.Equal(buffer[:size], content(size)) {
							t.Errorf("%+v, %v, want %d bytes", a, err, size)
						}
						clear(buffer)
					}
				})
				spawnScheduled(t, sys, vm.SpawnOptions{}, func(p *vm.Process) {
					for _, size := range sizes {
						data := content(size)
						if err := p.SendCopy(p.Context(), to, data); err != nil {
							t.Error(err)
						}
						clear(data)
					}
					if err := p.SendCopy(p.Context(), to, make([]byte, vm.DefaultMaxMessageBytes+1)); !errors.Is(err, abi.ErrTooLarge) {
						t.Errorf("a message that is too large: %v", err)
					}
				})
				<-ended
			})
		})
	}
}
