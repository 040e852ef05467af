package module

import (
	"container/list"
	"time"

	"github.com/wnode/wnode/abi"
)

// lru is the part of the modules that is in memory. Its owner locks it.
type lru struct {
	entries map[abi.Hash]*list.Element // of *entry
	order   *list.List                 // the most recently used in front
	bytes   int64
}

// entry is one module; content never changes and is never nil.
type entry struct {
	hash    abi.Hash
	content []byte
	touched time.Time // when its use was last marked on disk
}

func (l *lru) init() {
	l.entries = make(map[abi.Hash]*list.Element)
	l.order = list.New()
}

// get gives nil when the module is not there.
func (l *lru) get(hash abi.Hash) *entry {
	el, ok := l.entries[hash]
	if !ok {
		return nil
	}
	l.order.MoveToFront(el)
	return el.Value.(*entry)
}

// put takes over content. A module larger than limit is not kept.
func (l *lru) put(hash abi.Hash, content []byte, limit int64) {
	size := int64(len(content))
	if size > limit || l.get(hash) != nil {
		return
	}
	l.shrink(limit - size)
	if content == nil {
		content = []byte{}
	}
	l.entries[hash] = l.order.PushFront(&entry{hash, content, time.Now()})
	l.bytes += size
}

// shrink forgets the least recently used until limit is kept.
func (l *lru) shrink(limit int64) {
	for l.bytes > limit {
		e := l.order.Remove(l.order.Back()).(*entry)
		delete(l.entries, e.hash)
		l.bytes -= int64(len(e.content))
	}
}
