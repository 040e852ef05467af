package vm_test

import (
	"errors"
	"testing"
	"testing/synctest"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/vm"
)

// A process begins with what it was spawned with, as far as it may (PROC-08), and takes no more later on.
func TestPriority(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys := newSystem(t, vm.Options{})
		for name, tt := range map[string]struct {
			most, asked, want abi.Priority
		}{
			"nothing said":        {0, 0, abi.PriorityNormal},
			"low":                 {0, abi.PriorityLow, abi.PriorityLow},
			"as much as there is": {0, abi.PriorityHigh, abi.PriorityHigh},
			"more than there is":  {0, abi.PriorityMax, abi.PriorityHigh},
			"confined":            {abi.PriorityLow, 0, abi.PriorityLow},
		} {
			a := newActor(t, sys, vm.SpawnOptions{
				Priority: tt.asked, Rights: vm.Rights{Limits: vm.Limits{Priority: tt.most}},
			})
			info, _ := sys.Info(a.pid)
			if info.Priority != tt.want {
				t.Errorf("%s: %s, want %s", name, info.Priority, tt.want)
			}
			most := info.Rights.Limits.Priority
			if before, err := sys.SetPriority(a.pid, most); before != tt.want || err != nil {
				t.Errorf("%s: it was %s, %v", name, before, err)
			}
			if _, err := sys.SetPriority(a.pid, most+1); !errors.Is(err, abi.ErrDenied) {
				t.Errorf("%s: one more: %v", name, err)
			}
			if _, err := sys.SetPriority(a.pid, 0); !errors.Is(err, abi.ErrBadArgument) {
				t.Errorf("%s: none: %v", name, err)
			}
			if info, _ = sys.Info(a.pid); info.Priority != most {
				t.Errorf("%s: %s in the end", name, info.Priority)
			}
		}
		if _, err := sys.SetPriority(abi.Pid{Node: 1, Num: 999}, abi.PriorityLow); !errors.Is(err, abi.ErrNoProcess) {
			t.Error(err)
		}
	})
}
