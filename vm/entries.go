package vm

import "sync"

// blockEntries is how many entries a block has: one is some 4 KiB.
const blockEntries = 32

// entries is a queue of messages in which any can be looked at and taken out. It consists of blocks, so that a long
// one is not copied to grow; the first block is as small as it can be, as most mailboxes have next to nothing. The zero value is
// empty.
type entries struct {
	blocks [][]entry
	head   int // places of the first block that are free again
	length int
	spare  *[blockEntries]entry // a block that was emptied; nil for none
}

// blocks are whole ones that no mailbox has: one that fills and empties again and again makes no garbage.
var blocks = sync.Pool{New: func() any { return new([blockEntries]entry) }}

// smallBlock is how many entries the first block has before it becomes a whole one.
const smallBlock = 4

// at gives the entry at a place, counted from the first.
func (q *entries) at(i int) *entry {
	i += q.head
	return &q.blocks[i/blockEntries][i%blockEntries]
}

// push appends an entry, which is zero, and gives it. It stays where it is until the next push.
func (q *entries) push() *entry {
	b := (q.head + q.length) / blockEntries
	if b == len(q.blocks) {
		q.blocks = append(q.blocks, q.newBlock(b == 0))
	}
	block := &q.blocks[b]
	if len(*block) == smallBlock && cap(*block) < blockEntries {
		*block = append(blocks.Get().(*[blockEntries]entry)[:0], *block...)
	}
	*block = append(*block, entry{})
	q.length++
	return q.at(q.length - 1)
}

func (q *entries) newBlock(first bool) []entry {
	spare := q.spare
	q.spare = nil
	switch {
	case spare != nil:
		return spare[:0]
	case first:
		return nil
	}
	return blocks.Get().(*[blockEntries]entry)[:0]
}

// maxKept is how many places an empty mailbox keeps at most. Who gets one message after the other needs no more.
const maxKept = 2

// remove takes an entry out. The shorter part of the queue closes the gap, so that the first of
// many costs as little as an answer that has just come behind many others.
func (q *entries) remove(i int) {
	if last := q.length - 1; i <= last/2 {
		for ; i > 0; i-- {
			*q.at(i) = *q.at(i - 1)
		}
		q.dropFirst()
	} else {
		for ; i < last; i++ {
			*q.at(i) = *q.at(i + 1)
		}
		q.dropLast()
	}
}

func (q *entries) dropFirst() {
	q.at(0).Data = nil
	q.head++
	q.length--
	switch {
	case q.length == 0 && len(q.blocks) == 1 && cap(q.blocks[0]) <= maxKept: // its place is for the next
		q.blocks[0] = q.blocks[0][:0]
		q.head = 0
	case q.length == 0:
		for _, block := range q.blocks {
			q.keep(block)
		}
		q.keep(nil)
		*q = entries{}
	case q.head == blockEntries:
		q.keep(q.blocks[0])
		q.blocks[0] = nil
		q.blocks = q.blocks[1:]
		q.head = 0
	}
}

// keep keeps a block for what comes, if it is a whole one, and gives the one away that was kept before.
func (q *entries) keep(block []entry) {
	if block != nil && cap(block) < blockEntries {
		return
	}
	if q.spare != nil {
		blocks.Put(q.spare)
		q.spare = nil
	}
	if block != nil {
		q.spare = (*[blockEntries]entry)(block[:blockEntries])
	}
}

func (q *entries) dropLast() {
	q.at(q.length - 1).Data = nil
	q.length--
	last := len(q.blocks) - 1
	block := &q.blocks[last]
	if *block = (*block)[:len(*block)-1]; len(*block) == 0 {
		q.keep(*block)
		*block = nil
		q.blocks = q.blocks[:last]
	}
}
