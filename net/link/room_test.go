package link

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/net/wire"
)

// purse is a memory of so many bytes.
type purse struct {
	mu         sync.Mutex
	most       uint64
	held, peak uint64
}

func (p *purse) Take(n uint64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.held+n > p.most {
		return false
	}
	p.addLocked(n)
	return true
}

func (p *purse) Force(n uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.addLocked(n)
}

func (p *purse) addLocked(n uint64) {
	p.held += n
	p.peak = max(p.peak, p.held)
}

func (p *purse) Release(n uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.held -= n
}

func (p *purse) state() (held, peak uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.held, p.peak
}

// tenant is a holder of claims in the model, and what it was told that it held when it was ended.
type tenant struct{ evicted uint64 }

func (h *tenant) evict(held uint64) { h.evicted = held }

// roomModel is what a room should do: claims in the order in which they began, each with what it holds.
type roomModel struct {
	room   *room
	purse  *purse
	owners []*tenant
	claims []*claim
	order  []*claim // that hold something or ask for it
	moved  map[*claim]time.Time
}

func (m *roomModel) total() (n uint64) {
	for _, c := range m.order {
		n += c.held
	}
	return n
}

func (m *roomModel) take(t *rapid.T) {
	c, n := rapid.SampledFrom(m.claims).Draw(t, "claim"), rapid.Uint64Range(1, 60).Draw(t, "bytes")
	if !slices.Contains(m.order, c) {
		m.order = append(m.order, c)
	}
	before := m.total()
	taken := c.take(n) == nil
	if want := before+n <= m.purse.most || m.order[0] == c; taken != want {
		t.Fatalf("%d bytes to %d: %v, want %v", n, before, taken, want)
	}
	if taken {
		m.moved[c] = time.Now()
	}
	if taken != (c.timer == nil) {
		t.Fatal("the timer runs when nothing is waited for, or the other way round")
	}
}

func (m *roomModel) release(t *rapid.T) {
	held := slices.DeleteFunc(slices.Clone(m.claims), func(c *claim) bool { return c.held == 0 })
	if len(held) == 0 {
		return
	}
	c := rapid.SampledFrom(held).Draw(t, "claim")
	c.release(rapid.Uint64Range(1, c.held).Draw(t, "bytes"))
	m.moved[c] = time.Now()
	if c.held == 0 {
		m.leave(c)
	}
}

func (m *roomModel) leave(c *claim) {
	m.order = slices.DeleteFunc(m.order, func(o *claim) bool { return o == c })
}

func (m *roomModel) drop(t *rapid.T) {
	c := rapid.SampledFrom(m.claims).Draw(t, "claim")
	c.drop()
	m.moved[c] = time.Now()
	m.leave(c)
}

// relieve ends the holder of which nothing has moved for longest, or of the oldest claim, and nobody again at once.
func (m *roomModel) relieve(t *rapid.T) {
	anyway := rapid.Bool().Draw(t, "anyway")
	held, moved := map[*tenant]uint64{}, map[*tenant]time.Time{}
	var oldest *tenant
	for _, c := range m.order {
		of := c.holder.(*tenant)
		if c.held == 0 {
			continue
		}
		if oldest == nil {
			oldest = of
		}
		held[of] += c.held
		if m.moved[c].After(moved[of]) {
			moved[of] = m.moved[c]
		}
	}
	soon := time.Since(m.room.evicted) < roomPatience
	m.room.relieve(anyway)
	var ended []*tenant
	for _, o := range m.owners {
		if o.evicted > 0 {
			ended = append(ended, o)
			if o.evicted != held[o] {
				t.Fatalf("ended for %d bytes, and holds %d", o.evicted, held[o])
			}
		}
		o.evicted = 0
	}
	longest := time.Duration(0)
	for _, since := range moved {
		longest = max(longest, time.Since(since))
	}
	want := !soon && oldest != nil && (anyway || longest >= roomPatience)
	switch {
	case len(ended) > 1 || want != (len(ended) == 1):
		t.Fatalf("%d were ended, should one be: %v", len(ended), want)
	case want && anyway && ended[0] != oldest, want && !anyway && time.Since(moved[ended[0]]) != longest:
		t.Fatal("the wrong one was ended")
	}
}

// move sends some of what is held.
func (m *roomModel) move(t *rapid.T) {
	c := rapid.SampledFrom(m.claims).Draw(t, "claim")
	c.move()
	m.moved[c] = time.Now()
}

func (m *roomModel) check(t *rapid.T) {
	if held, _ := m.purse.state(); held != m.total() {
		t.Fatalf("%d bytes are counted, %d held", held, m.total())
	}
	if !slices.Equal(m.room.claims, m.order) {
		t.Fatal("the claims are not in the order in which they began")
	}
}

// Memory is counted exactly, the oldest claim is never refused, and nobody else goes beyond what there is.
func TestRoomModel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rapid.Check(noDeadline{t}, func(t *rapid.T) {
			m := &roomModel{purse: &purse{most: 100}, owners: []*tenant{{}, {}, {}}, moved: map[*claim]time.Time{}}
			m.room = newRoom(m.purse)
			for i := range 6 {
				m.claims = append(m.claims, &claim{room: m.room, holder: m.owners[i%len(m.owners)]})
			}
			t.Repeat(map[string]func(*rapid.T){
				"take": m.take, "take more": m.take, "release": m.release, "drop": m.drop, "relieve": m.relieve, "move": m.move,
				"time passes": func(t *rapid.T) {
					time.Sleep(time.Duration(rapid.IntRange(1, 40).Draw(t, "seconds")) * time.Second)
				},
				"": m.check,
			})
			for _, c := range m.claims {
				c.drop()
			}
		})
	})
}

func inbound(p *purse) nodeOption  { return func(o *Options) { o.Inbound = p } }
func outbound(p *purse) nodeOption { return func(o *Options) { o.Outbound = p } }

// fromLane gives a process that has a lane.
func fromLane(lane int) uint64 {
	for num := uint64(1); ; num++ {
		if wire.LaneOf(num) == lane {
			return num
		}
	}
}

// SIG-01, SIG-08: however little memory there is for them, large signals that come from several nodes at the same time, each of which is larger
// than that, all arrive; one at a time goes beyond it. At the end nothing is counted at either end.
func TestLargeSignalsIntoLittleMemory(t *testing.T) {
	simulate(t, func(t *testing.T, n *network) {
		const size, each = 3 << 20, 8
		in, out := &purse{most: 1 << 20}, &purse{most: 1 << 20}
		two := n.node("two@host", inbound(in))
		var atTwo []*running
		var senders sync.WaitGroup
		for i, name := range []string{"one@host", "three@host", "four@host"} {
			nd := n.node(name, outbound(out))
			near, far := connect(t, nd, two)
			atTwo = append(atTwo, far)
			for j := range each {
				senders.Go(func() {
					sig := message(nd, two, byte(i), size+j)
					sig.From.Num = uint64(j)
					if err := near.Send(context.Background(), sig); err != nil {
						t.Errorf("%s: %v", name, err)
					}
				})
			}
		}
		for i, r := range atTwo {
			for range each {
				if sig := take(t, r.got); sig.Data[0] != byte(i) || len(sig.Data) < size {
					t.Errorf("%d bytes from %d", len(sig.Data), sig.Data[0])
				}
			}
		}
		senders.Wait()
		synctest.Wait()
		// Two signals of a lane come at a time. Three nodes have a room each for what they send, of one purse.
		if held, peak := in.state(); held != 0 || peak > in.most+wire.MaxTransfers*(size+each) {
			t.Errorf("incoming: %d bytes are held, %d were", held, peak)
		}
		if held, peak := out.state(); held != 0 || peak > out.most+3*(size+each+signalOverhead) {
			t.Errorf("outgoing: %d bytes are held, %d were", held, peak)
		}
	})
}

// hoard has a stranger begin as many signals of a lane as may be, of which half a MiB comes and then nothing.
func (s *stranger) hoard(t *testing.T, to *node) *linked {
	t.Helper()
	l := s.link(to, nil)
	sig := abi.Signal{
		Kind: abi.SignalMessage, From: abi.Pid{Node: s.id, Num: 7}, To: abi.Pid{Node: to.id, Num: 8}, Data: make([]byte, 12<<20),
	}
	lane := byte(wire.LaneOf(7))
	stream := openUni(t, l.conn, byte(wire.StreamLane), lane)
	var b []byte
	for transfer := range uint8(wire.MaxTransfers) {
		b = wire.AppendFirstPart(b, sig, transfer, 256<<10+1, s.id, to.id)
	}
	if _, err := stream.Write(b); err != nil {
		t.Fatal(err)
	}
	return l
}

// A peer that begins large signals and does not go on keeps others from sending any for half a minute, and then loses its link. What is
// small, on other lanes, and the node's own questions come through meanwhile.
func TestHoarderIsEvicted(t *testing.T) {
	simulate(t, func(t *testing.T, n *network) {
		in := &purse{most: 1 << 20}
		two := n.node("two@host", inbound(in))
		hoarder := n.stranger("hoarder@host").hoard(t, two)
		synctest.Wait()
		time.Sleep(time.Second)
		if held, _ := in.state(); held != 2<<20 {
			t.Fatalf("%d bytes are held", held)
		}
		one := n.node("one@host")
		atOne, atTwo := connect(t, one, two)
		start := time.Now()
		for lane := range wire.Lanes - 1 {
			sig := message(one, two, byte(lane), 4<<20)
			sig.From.Num = fromLane(lane)
			if err := atOne.Send(t.Context(), sig); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Second)
		for i := range byte(20) {
			small := message(one, two, 100+i, 1<<10)
			small.From.Num = fromLane(wire.Lanes - 1)
			if err := atOne.Send(t.Context(), small); err != nil {
				t.Fatal(err)
			}
			if got := take(t, atTwo.got); got.Data[0] != small.Data[0] {
				t.Fatalf("%d came of %d bytes", got.Data[0], len(got.Data))
			}
			if err := atOne.Ping(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("small signals took %v", took)
		}
		if err := take(t, hoarder.ended); !errors.Is(err, ErrDisconnected) || !errors.Is(err, errRoom) {
			t.Errorf("the link ended: %v", err)
		}
		if took := time.Since(start); took < roomPatience || took > roomPatience+2*time.Second {
			t.Errorf("it ended after %v", took)
		}
		for range wire.Lanes - 1 {
			if sig := take(t, atTwo.got); len(sig.Data) != 4<<20 {
				t.Errorf("%d bytes came", len(sig.Data))
			}
		}
		synctest.Wait()
		if held, _ := in.state(); held != 0 {
			t.Errorf("%d bytes are held", held)
		}
	})
}

// SIG-07, SIG-08: who sends something large waits while the memory for that is taken, also when it is by what is for another node; a node that does
// not take it for half a minute is given up.
func TestOutgoingMemory(t *testing.T) {
	simulate(t, func(t *testing.T, n *network) {
		out := &purse{most: 24 << 20}
		one, two, three := n.node("one@host", outbound(out)), n.node("two@host"), n.node("three@host")
		la, lb := join(t, one, two)
		stuck, reads := run(la), &running{Link: lb, recorder: newRecorder(), ended: make(chan error, 1)}
		reads.hold = make(chan struct{})
		defer close(reads.hold)
		go func() { reads.ended <- lb.Run(reads.recorder) }()
		atOne, atThree := connect(t, one, three)
		large := func(to *node, sender uint64) abi.Signal {
			sig := message(one, to, byte(sender), 11<<20)
			sig.From.Num = sender
			return sig
		}
		for lane := range 2 {
			small := message(one, two, 1, 1) // is taken in, and nothing behind it is read
			small.From.Num = fromLane(lane)
			if err := errors.Join(stuck.Send(t.Context(), small), stuck.Send(t.Context(), large(two, small.From.Num))); err != nil {
				t.Fatal(err)
			}
		}
		giveUp := errors.New("would wait")
		impatient, cancel := context.WithCancelCause(t.Context())
		cancel(giveUp)
		if err := atOne.Send(impatient, large(three, 1)); !errors.Is(err, giveUp) {
			t.Errorf("send without waiting: %v", err)
		}
		if err := atOne.Send(t.Context(), message(one, three, 99, 1)); err != nil {
			t.Errorf("something small: %v", err)
		}
		start := time.Now()
		if err := atOne.Send(t.Context(), large(three, 1)); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took < roomPatience || took > roomPatience+2*time.Second {
			t.Errorf("waited for %v", took)
		}
		if err := take(t, stuck.ended); !errors.Is(err, ErrDisconnected) || !errors.Is(err, errRoom) {
			t.Errorf("the link ended: %v", err)
		}
		for _, want := range []byte{99, 1} {
			if sig := take(t, atThree.got); sig.Data[0] != want {
				t.Errorf("%d came, want %d", sig.Data[0], want)
			}
		}
		synctest.Wait()
		if held, _ := out.state(); held != 0 {
			t.Errorf("%d bytes are held", held)
		}
	})
}
