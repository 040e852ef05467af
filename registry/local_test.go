package registry

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/wnode/wnode/abi"
)

func pid(node, num uint64) abi.Pid { return abi.Pid{Node: abi.NodeID(node), Num: num} }

// REG-01, REG-03.
func TestLocalRefuses(t *testing.T) {
	l := NewLocal()
	if err := l.Register("taken", pid(1, 1)); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		name string
		pid  abi.Pid
		want error
	}{
		"taken by the same process": {"taken", pid(1, 1), abi.ErrNameTaken},
		"taken by another":          {"taken", pid(1, 2), abi.ErrNameTaken},
		"a second name":             {"second", pid(1, 1), abi.ErrNameTaken},
		"empty":                     {"", pid(1, 2), abi.ErrBadArgument},
		"undefined":                 {"undefined", pid(1, 2), abi.ErrBadArgument},
		"too long":                  {strings.Repeat("x", MaxNameBytes+1), pid(1, 2), abi.ErrBadArgument},
		"not UTF-8":                 {"\xff", pid(1, 2), abi.ErrBadArgument},
	} {
		t.Run(name, func(t *testing.T) {
			if err := l.Register(c.name, c.pid); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
	if err := l.Unregister("free"); !errors.Is(err, abi.ErrNoName) {
		t.Errorf("unregister a free name: %v", err)
	}
}

// A model of two maps that are each other's inverse (REG-01, REG-04).
func TestLocalModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l, model := NewLocal(), map[string]abi.Pid{}
		nameOf := func(p abi.Pid) string {
			for name, q := range model {
				if p == q {
					return name
				}
			}
			return ""
		}
		name := rapid.SampledFrom([]string{"a", "b", "c", "d"})
		num := rapid.Uint64Range(1, 4)
		t.Repeat(map[string]func(*rapid.T){
			"register": func(t *rapid.T) {
				n, p := name.Draw(t, "name"), pid(1, num.Draw(t, "num"))
				_, taken := model[n]
				ok := !taken && nameOf(p) == ""
				if err := l.Register(n, p); (err == nil) != ok {
					t.Fatalf("register %s %v: %v", n, p, err)
				}
				if ok {
					model[n] = p
				}
			},
			"unregister": func(t *rapid.T) {
				n := name.Draw(t, "name")
				_, taken := model[n]
				if err := l.Unregister(n); (err == nil) != taken {
					t.Fatalf("unregister %s: %v", n, err)
				}
				delete(model, n)
			},
			"release": func(t *rapid.T) {
				p := pid(1, num.Draw(t, "num"))
				l.Release(p)
				delete(model, nameOf(p))
			},
			"": func(t *rapid.T) {
				var names []string
				for n, p := range model {
					names = append(names, n)
					if got, ok := l.Whereis(n); !ok || got != p || l.NameOf(p) != n {
						t.Fatalf("%s is %v, want %v", n, got, p)
					}
				}
				slices.Sort(names)
				if !slices.Equal(l.Names(), names) {
					t.Fatalf("names %v, want %v", l.Names(), names)
				}
			},
		})
	})
}
