package vm

import (
	"maps"
	"testing"

	"pgregory.net/rapid"
)

func TestFewModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var f few[int, int]
		model := map[int]int{}
		key := rapid.IntRange(0, 2*mostFew)
		t.Repeat(map[string]func(*rapid.T){
			"set": func(t *rapid.T) {
				k, v := key.Draw(t, "key"), rapid.Int().Draw(t, "value")
				f.set(k, v)
				model[k] = v
			},
			"remove": func(t *rapid.T) {
				k := key.Draw(t, "key")
				f.remove(k)
				delete(model, k)
			},
			"removeWhileListing": func(t *rapid.T) {
				odd := func(k, _ int) bool { return k%2 == 1 }
				for k, v := range f.all() {
					if odd(k, v) {
						f.remove(k)
					}
				}
				maps.DeleteFunc(model, odd)
			},
			"": func(t *rapid.T) {
				if got := maps.Collect(f.all()); !maps.Equal(got, model) || f.len() != len(model) {
					t.Fatalf("%v of length %d, want %v", got, f.len(), model)
				}
				for k := range 2*mostFew + 1 {
					want, there := model[k]
					if v, ok := f.get(k); v != want || ok != there || f.of(k) != want {
						t.Fatalf("%d: %v, %v", k, v, ok)
					}
				}
			},
		})
	})
}
