package vm

import "iter"

// mostFew is how many entries a [few] keeps in a list.
const mostFew = 8

// few is a map that takes little while it has few entries, as those of most processes have. The zero value is empty.
type few[K comparable, V any] struct {
	list []fewEntry[K, V]
	many map[K]V // has all once there were more than the list may have
}

type fewEntry[K comparable, V any] struct {
	key   K
	value V
}

func (f *few[K, V]) len() int { return len(f.list) + len(f.many) }

// get gives a value, and whether there is one.
func (f *few[K, V]) get(key K) (value V, ok bool) {
	if f.many != nil {
		value, ok = f.many[key]
		return value, ok
	}
	if i := f.find(key); i >= 0 {
		return f.list[i].value, true
	}
	return value, false
}

// of gives a value, the zero value for none.
func (f *few[K, V]) of(key K) V {
	value, _ := f.get(key)
	return value
}

func (f *few[K, V]) find(key K) int {
	for i := range f.list {
		if f.list[i].key == key {
			return i
		}
	}
	return -1
}

func (f *few[K, V]) set(key K, value V) {
	if f.many != nil {
		f.many[key] = value
		return
	}
	if i := f.find(key); i >= 0 {
		f.list[i].value = value
		return
	}
	if len(f.list) < mostFew {
		f.list = append(f.list, fewEntry[K, V]{key, value})
		return
	}
	f.many = map[K]V{key: value}
	for _, e := range f.list {
		f.many[e.key] = e.value
	}
	f.list = nil
}

func (f *few[K, V]) remove(key K) {
	if f.many != nil {
		delete(f.many, key)
		return
	}
	if i := f.find(key); i >= 0 {
		last := len(f.list) - 1
		f.list[i] = f.list[last]
		f.list[last] = fewEntry[K, V]{}
		f.list = f.list[:last]
	}
}

// all gives the entries in no order. Only the one that was given last may be removed meanwhile.
func (f *few[K, V]) all() iter.Seq2[K, V] {
	return func(yield func(K, V) bool) {
		for i := len(f.list) - 1; i >= 0; i-- { // backwards: who takes the place of one that is removed was given already
			if e := f.list[i]; !yield(e.key, e.value) {
				return
			}
		}
		for key, value := range f.many {
			if !yield(key, value) {
				return
			}
		}
	}
}
