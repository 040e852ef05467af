package guest

import (
	"encoding/binary"
	commandline "flag"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/vm"
)

// The size of the soak. The race detector follows at most 8128 goroutines. make soak asks for the full
// size, which takes some 2 GiB.
const (
	soakGuestsDefault = 20_000
	soakGuestsRace    = 2_000
	soakPeers         = 4 // that each guest sends to
	soakRounds        = 2 // messages to each of them
)

var soakGuests = commandline.Int("guests", 0, "how many guests TestSoak runs")

// The memory of a guest of the soak: what it is told to begin with, a message that it sends, where the
// next one is received to, its length, and those that it has received.
const (
	soakPids   = 8 // behind its own number
	soakReport = soakPids + soakPeers*abi.IDSize
	soakBegin  = soakReport + abi.IDSize // length of that message
	soakOut    = 96
	soakNext   = 104
	soakLength = 108
	soakLog    = 256
	soakBytes  = 8 // of a message between guests: the sender's number, the slot of the peer, the round
)

// soakGuest is a guest that waits until it is told to begin, sends its peers numbered messages, takes in
// what comes meanwhile, and when it is told to stop, reports all that it has received.
func soakGuest() *wasmModule {
	next := seq(i32c(soakNext), i32Load)
	length := seq(i32c(soakLength), i32Load)
	same := raw(0x46)
	takeIn := func(timeout int64) op {
		return seq(
			i32c(soakLength), invoke("wnode.receive", i64c(timeout), next, i32c(soakBegin)), i32Store,
			length, i32c(soakBytes), same, raw(0x04, 0x40), // if
			i32c(soakNext), next, i32c(soakBytes), raw(0x6a), i32Store, // add
			raw(0x0b),
		)
	}
	untilTold := seq(raw(0x03, 0x40), takeIn(-1), length, i32c(soakBytes), same, raw(0x0d, 0, 0x0b)) // loop br_if 0
	body := []op{
		i32c(soakNext), i32c(soakLog), i32Store,
		untilTold,
		i32c(0), next, i32c(soakBegin), raw(0xfc, 0x0a, 0, 0), // memory.copy
		i32c(soakOut), i32c(0), i32Load, i32Store,
	}
	for round := range soakRounds {
		for slot := range soakPeers {
			body = append(body,
				i32c(soakOut+4), i32c(int64(slot|(round+1)<<8)), i32Store,
				invoke("wnode.send", pidAt(int64(soakPids+slot*abi.IDSize)), i32c(soakOut), i32c(soakBytes)), drop,
				takeIn(0),
			)
		}
	}
	report := func(address, length op) op {
		return seq(invoke("wnode.send", pidAt(soakReport), address, length), drop)
	}
	return entry(append(body,
		report(i32c(0), i32c(1)), // all is sent
		untilTold,
		report(i32c(soakLog), seq(next, i32c(soakLog), raw(0x6b))), // sub
	)...)
}

// guestSoak is what the test knows of the guests.
type guestSoak struct {
	n       *testNode
	rnd     *rand.Rand
	pids    []abi.Pid
	index   map[abi.Pid]int
	peers   [][soakPeers]int
	victim  []bool
	running sync.WaitGroup
	victims sync.WaitGroup
}

// SIG-01, SIG-02, SIG-03: guests by the thousand send each other numbered messages at random while a tenth
// of them is killed at random. Those who live receive every message, in order, and of those who ended
// nothing is left.
func TestSoak(t *testing.T) {
	guests := soakGuestsDefault
	switch {
	case *soakGuests > 0:
		guests = *soakGuests
	case raceDetector || testing.Short():
		guests = soakGuestsRace
	}
	before, mappings := runtime.NumGoroutine(), soakMappings()
	s := &guestSoak{
		n:   newTestNode(t, forGuests(uint64(guests)*(pageBytes+instanceBytes))),
		rnd: rand.New(rand.NewPCG(3, 4)), pids: make([]abi.Pid, guests), index: map[abi.Pid]int{},
		peers: make([][soakPeers]int, guests), victim: make([]bool, guests),
	}
	s.spawn(t)
	t.Logf("%d mappings, %d without guests", soakMappings(), mappings)
	begin := time.Now()
	s.stir()
	s.check(t, s.stop(t))
	t.Logf("stirred in %v, %d MiB resident", time.Since(begin), soakResident()>>20)
	s.wantNothingHeld(t)
	s.n.close()
	for runtime.NumGoroutine() > before { // they are done, and about to end
		runtime.Gosched()
	}
}

// spawn starts the guests and waits until all of them wait.
func (s *guestSoak) spawn(t *testing.T) {
	for _, i := range s.rnd.Perm(len(s.pids))[:len(s.pids)/10] {
		s.victim[i] = true
		s.victims.Add(1)
	}
	hash, _ := s.n.modules.Put(soakGuest().Bytes())
	fn := abi.Function{Module: hash, Export: abi.DefaultExport}
	body := s.n.engine.Body(fn, s.n.system.Node())
	idle, begin := soakResident(), time.Now()
	for i := range s.pids {
		for slot := range s.peers[i] {
			s.peers[i][slot] = s.rnd.IntN(len(s.pids))
		}
		s.running.Add(1)
		pid, err := s.n.system.Spawn(vm.SpawnOptions{Function: fn, Body: vm.Func(func(p *vm.Process) vm.Exit {
			defer s.running.Done()
			if s.victim[i] {
				defer s.victims.Done()
			}
			return body.Run(p)
		})})
		if err != nil {
			t.Fatal(err)
		}
		s.pids[i], s.index[pid] = pid, i
	}
	for _, pid := range s.pids {
		for info, ok := s.n.system.Info(pid); info.Status != "waiting"; info, ok = s.n.system.Info(pid) {
			if !ok {
				t.Fatal("a guest ended before it was told to begin")
			}
			runtime.Gosched()
		}
	}
	each := uint64(len(s.pids))
	t.Logf("%d guests wait, %v and %d bytes resident for each", each,
		time.Since(begin)/time.Duration(each), (soakResident()-idle)/each)
}

// stir has all of them begin, in any order, kills a tenth meanwhile, and waits until these are gone.
func (s *guestSoak) stir() {
	var victims []int
	for i, victim := range s.victim {
		if victim {
			victims = append(victims, i)
		}
	}
	for turn, i := range s.rnd.Perm(len(s.pids)) {
		begin := binary.LittleEndian.AppendUint64(nil, uint64(i))
		for _, peer := range s.peers[i] {
			begin = s.pids[peer].Append(begin)
		}
		s.n.system.Deliver(abi.Signal{Kind: abi.SignalMessage, To: s.pids[i], Data: s.n.pid.Append(begin)})
		if turn%10 == 0 {
			s.n.kill(s.pids[victims[turn/10]])
		}
	}
	s.victims.Wait()
}

// stop waits until the survivors have sent all, ends them, and gives what each of them has received.
func (s *guestSoak) stop(t *testing.T) map[int][]byte {
	survivors := len(s.pids) - len(s.pids)/10
	for ready := 0; ready < survivors; {
		if m := s.next(t); !s.victim[s.index[m.From]] {
			ready++
		}
	}
	for _, pid := range s.pids {
		s.n.system.Deliver(abi.Signal{Kind: abi.SignalMessage, To: pid, Data: []byte{0}})
	}
	reports := map[int][]byte{}
	for len(reports) < survivors {
		m := s.next(t)
		reports[s.index[m.From]] = m.Data
	}
	s.running.Wait()
	return reports
}

func (s *guestSoak) next(t *testing.T) vm.Message {
	t.Helper()
	select {
	case m := <-s.n.inbox:
		return m
	case <-time.After(patience):
		t.Fatal("no report comes")
		return vm.Message{}
	}
}

// check goes through what the survivors have received.
func (s *guestSoak) check(t *testing.T, reports map[int][]byte) {
	received, messages := make([][soakPeers]int, len(s.pids)), 0
	for i, log := range reports {
		for ; len(log) >= soakBytes; log = log[soakBytes:] {
			from, slot, round := binary.LittleEndian.Uint32(log), log[4], int(log[5])
			if s.peers[from][slot] != i || round != received[from][slot]+1 {
				t.Fatalf("guest %d received message %d of guest %d to its peer %d after %d",
					i, round, from, slot, received[from][slot])
			}
			received[from][slot] = round
			messages++
		}
	}
	for i, peers := range s.peers {
		for slot, peer := range peers {
			if !s.victim[i] && !s.victim[peer] && received[i][slot] != soakRounds {
				t.Fatalf("of %d messages of guest %d to guest %d, %d came", soakRounds, i, peer, received[i][slot])
			}
		}
	}
	t.Logf("%d survivors, %d messages", len(reports), messages)
}

// wantNothingHeld checks the node after its guests.
func (s *guestSoak) wantNothingHeld(t *testing.T) {
	for len(s.n.system.Processes()) > 1 { // beside the one that takes the reports; they are about to end
		runtime.Gosched()
	}
	e := s.n.engine
	e.modules.rest()
	e.modules.mu.Lock()
	defer e.modules.mu.Unlock()
	for _, code := range e.modules.loaded {
		if code.users != 0 {
			t.Errorf("%d users of a module without processes", code.users)
		}
	}
	code := uint64(0)
	for _, loaded := range e.modules.loaded {
		code += loaded.size
	}
	if used := e.memory.Guests(); used != code {
		t.Errorf("%d bytes are still counted, code takes %d", used, code)
	}
}

// soakResident gives what the program has in memory, in bytes, 0 where the system does not say.
func soakResident() uint64 {
	statm, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	var size, pages uint64
	_, _ = fmt.Sscan(string(statm), &size, &pages)
	return pages * uint64(os.Getpagesize())
}

// soakMappings counts the program's mappings, of which some systems allow only so many.
func soakMappings() (lines int) {
	maps, _ := os.ReadFile("/proc/self/maps")
	for _, b := range maps {
		if b == '\n' {
			lines++
		}
	}
	return lines
}
