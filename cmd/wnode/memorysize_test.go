package main

import (
	"testing"

	"github.com/wnode/wnode"
)

func TestMemorySize(t *testing.T) {
	const machine = 10 << 30
	for text, want := range map[string]uint64{
		"64MiB": 64 << 20, "2GiB": 2 << 30, "1048576": 1 << 20, "100%": machine, "50%": machine / 2, "1%": machine / 100,
		"": 0, "0": 0, "1": 0, "1048575": 0, "0%": 0, "101%": 0, "-5%": 0, "1.5%": 0, "%": 0, "50 %": 0, "half": 0, "1000KiB": 0,
	} {
		got, err := parseMemory(text, machine)
		if got != want || (err == nil) != (want > 0) {
			t.Errorf("%q is %d, %v, want %d", text, got, err, want)
		}
	}
	if got, err := parseMemory("3%", 1<<20); err == nil {
		t.Errorf("3%% of a MiB is %d", got)
	}
	var s memorySize
	if err := s.Set("50%"); err != nil || uint64(s) != wnode.MachineMemory()/2 {
		t.Errorf("%d, %v", s, err)
	}
	if err := s.Set("512MiB"); err != nil || s.String() != "512MiB" {
		t.Errorf("%v, %v", &s, err)
	}
}
