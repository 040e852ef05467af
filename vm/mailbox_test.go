package vm

import (
	"bytes"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/wnode/wnode/abi"
)

// mailboxModel is a mailbox without cleverness: what is seen, what is not yet.
type mailboxModel struct{ seen, unseen []Message }

func (m *mailboxModel) bytes() (n int) {
	for _, message := range slices.Concat(m.seen, m.unseen) {
		n += len(message.Data)
	}
	return n
}

func (m *mailboxModel) remove(ref abi.Ref) {
	match := func(message Message) bool { return message.Kind == abi.MessageDown && message.Ref == ref }
	if i := slices.IndexFunc(m.seen, match); i >= 0 {
		m.seen = slices.Delete(slices.Clone(m.seen), i, i+1)
	} else if i := slices.IndexFunc(m.unseen, match); i >= 0 {
		m.unseen = slices.Delete(slices.Clone(m.unseen), i, i+1)
	}
}

// RECV-01: a mailbox is a FIFO queue of which any message can be taken and the rest stays in order.
func TestMailboxModel(t *testing.T) {
	const maxMessages, maxBytes = 3 * blockEntries, 3 * blockEntries * maxSmall
	rapid.Check(t, func(t *rapid.T) {
		var box mailbox
		var model mailboxModel
		t.Repeat(map[string]func(*rapid.T){
			"push": func(t *rapid.T) {
				for range rapid.IntRange(1, blockEntries).Draw(t, "times") {
					m := Message{
						Kind: rapid.SampledFrom([]abi.MessageKind{abi.MessageUser, abi.MessageDown}).Draw(t, "kind"),
						Ref:  abi.Ref{Num: rapid.Uint64Range(0, 4).Draw(t, "ref")},
						Data: rapid.SliceOfN(rapid.Byte(), 0, 2*maxSmall).Draw(t, "data"),
					}
					fits := len(model.seen)+len(model.unseen) < maxMessages && model.bytes()+len(m.Data) <= maxBytes
					if box.fits(len(m.Data), maxMessages, maxBytes) != fits {
						t.Fatalf("fits said %v", !fits)
					}
					if fits {
						box.push(m, true)
						model.unseen = append(model.unseen, m)
					}
				}
			},
			"take": func(t *rapid.T) {
				if len(model.unseen) == 0 {
					t.Skip()
				}
				if got := box.current().message(); !sameMessage(got, model.unseen[0]) {
					t.Fatalf("took %v, want %v", got, model.unseen[0])
				}
				box.take()
				model.unseen = slices.Concat(model.seen, model.unseen[1:])
				model.seen = nil
			},
			"skip": func(t *rapid.T) {
				if len(model.unseen) == 0 {
					t.Skip()
				}
				box.cursor++
				model.seen = append(slices.Clone(model.seen), model.unseen[0])
				model.unseen = model.unseen[1:]
			},
			"rewind": func(*rapid.T) {
				box.cursor = 0
				model.unseen = slices.Concat(model.seen, model.unseen)
				model.seen = nil
			},
			"removeDown": func(t *rapid.T) {
				ref := abi.Ref{Num: rapid.Uint64Range(0, 4).Draw(t, "ref")}
				box.removeDown(ref)
				model.remove(ref)
			},
			"": func(t *rapid.T) {
				want := slices.Concat(model.seen, model.unseen)
				var got []Message
				for i := range box.queue.length {
					got = append(got, box.queue.at(i).message())
				}
				if !slices.EqualFunc(got, want, sameMessage) || box.cursor != len(model.seen) || box.bytes != model.bytes() {
					t.Fatalf("mailbox %+v, want %v seen and %v unseen", box, model.seen, model.unseen)
				}
				switch current := box.current(); {
				case current == nil && len(model.unseen) > 0, current != nil && !sameMessage(current.message(), model.unseen[0]):
					t.Fatalf("current %v", current)
				}
			},
		})
	})
}

func sameMessage(a, b Message) bool {
	return a.Kind == b.Kind && a.Ref == b.Ref && a.From == b.From && bytes.Equal(a.Data, b.Data)
}

func BenchmarkMailbox(b *testing.B) {
	for _, bench := range []struct {
		name          string
		waiting, skip int
	}{{"waiting=0", 0, 0}, {"waiting=1000", 1000, 0}, {"waiting=1000/skip=10", 1000, 10}, {"waiting=100000/last", 100_000, 100_000}} {
		b.Run(bench.name, func(b *testing.B) {
			var box mailbox
			m := Message{Data: make([]byte, 64)}
			for range bench.waiting {
				box.push(m, true)
			}
			b.ReportAllocs()
			for b.Loop() {
				box.push(m, true)
				box.cursor = bench.skip
				if len(box.current().data()) != len(m.Data) {
					b.Fatal("lost")
				}
				box.take()
			}
		})
	}
}
