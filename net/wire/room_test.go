package wire

import (
	"bytes"
	"errors"
	"testing"

	"github.com/wnode/wnode/abi"
)

// tally is a room that counts, and has an end when most is not 0.
type tally struct{ held, most uint64 }

var errTally = errors.New("no room")

func (r *tally) Take(n uint64) error {
	if r.most > 0 && r.held+n > r.most {
		return errTally
	}
	r.held += n
	return nil
}

func (r *tally) Release(n uint64) { r.held -= n }

// kept is what a decoder should have of its room for signals that are not whole.
func (d *Decoder) kept() (bytes uint64) {
	for _, p := range d.partials {
		if p.size > firstRead {
			bytes += uint64(cap(p.sig.Data))
		}
	}
	return bytes
}

// The room is asked for what large signals take before they take it, and has it back when they are released: nothing more, and
// nothing for small ones.
func TestRoom(t *testing.T) {
	large := abi.Signal{Kind: 1, From: abi.Pid{Node: here}, To: abi.Pid{Node: there, Num: 1}, Data: make([]byte, 700<<10)}
	half, small, few := large, large, large
	half.Data, small.Data, few.Data = large.Data[:300<<10], large.Data[:firstRead], large.Data[:10]

	b := AppendFirstPart(nil, large, 0, 300<<10, here, there)
	b = AppendFirstPart(b, few, 1, 3, here, there) // in parts, without need
	b = AppendSignal(b, small, here, there)
	b = AppendPart(b, 1, few.Data[3:])
	b = AppendSignal(b, half, here, there) // in one piece
	b = AppendPart(b, 0, large.Data[300<<10:])
	b = AppendSignal(b, few, here, there)
	read := func(room *tally, each func(d *Decoder, sig abi.Signal)) error {
		d := NewDecoder(bytes.NewReader(b), DecoderOptions{Local: there, Remote: here, Laned: true, Room: room})
		for {
			sig, err := d.Next()
			if err != nil {
				return err
			}
			each(d, sig)
			d.Release()
		}
	}

	room, count := &tally{}, 0
	_ = read(room, func(d *Decoder, sig abi.Signal) {
		count++
		want := d.kept()
		if len(sig.Data) > firstRead {
			want += uint64(len(sig.Data))
		}
		if room.held != want {
			t.Errorf("%d bytes are held with one of %d, want %d", room.held, len(sig.Data), want)
		}
	})
	if count != 5 || room.held != 0 {
		t.Errorf("%d signals came, and %d bytes are held", count, room.held)
	}
	for most := uint64(1); most < 1000<<10; most += 30 << 10 {
		if err := read(&tally{most: most}, func(*Decoder, abi.Signal) {}); !errors.Is(err, errTally) {
			t.Errorf("with room for %d bytes: %v", most, err)
		}
	}
}
