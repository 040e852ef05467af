package vm_test

import (
	"encoding/binary"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
	"github.com/wnode/wnode/vm"
)

// The size of the soak. The race detector follows at most 8128 goroutines, so that under it, as with
// -short, there are fewer processes; what is checked of them is the same.
const (
	soakProcesses      = 100_000
	soakProcessesRace  = 5_000
	soakProcessesShort = 10_000
	soakPeers          = 4 // that each process sends to
	soakRounds         = 2 // messages to each of them
)

// soak is what its processes know of each other. Of each way from a process to one of its peers the
// sender alone counts what it has sent, and the receiver alone what it has received.
type soak struct {
	sys      *vm.System
	pids     []abi.Pid
	peers    [][soakPeers]int
	sent     [][soakPeers]byte
	received [][soakPeers]byte
	survived []bool
	wrong    atomic.Int64   // messages out of order, twice, or after one that is missing; DOWNs too many
	sending  sync.WaitGroup // processes that may still send
	running  sync.WaitGroup
}

// soakStop tells a process to end, and what else has no sender tells it to begin.
var soakStop = []byte("stop")

// SIG-01, SIG-02, SIG-03: processes by the hundred thousand send each other numbered
// messages at random while a tenth of them is killed at random. Those who live receive every
// message, in order, and of those who ended nothing is left.
func TestSoak(t *testing.T) {
	n := soakProcesses
	switch {
	case raceDetector:
		n = soakProcessesRace
	case testing.Short():
		n = soakProcessesShort
	}
	before := runtime.NumGoroutine()
	s := &soak{
		sys: newSystem(t, vm.Options{}), pids: make([]abi.Pid, n), peers: make([][soakPeers]int, n),
		sent: make([][soakPeers]byte, n), received: make([][soakPeers]byte, n), survived: make([]bool, n),
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	s.spawn(t, rnd)
	s.stir(rnd)
	s.stop()
	closeSystem(t, s.sys)
	s.check(t)
	wantNothingHeld(t, s.sys)
	for runtime.NumGoroutine() > before { // they are done, and about to end
		runtime.Gosched()
	}
}

func (s *soak) spawn(t *testing.T, rnd *rand.Rand) {
	for i := range s.pids {
		for slot := range s.peers[i] {
			s.peers[i][slot] = rnd.IntN(len(s.pids))
		}
		s.sending.Add(1)
		s.running.Add(1)
		pid, err := s.sys.Spawn(vm.SpawnOptions{Body: vm.Func(func(p *vm.Process) vm.Exit { return s.run(p, i) })})
		if err != nil {
			t.Fatal(err)
		}
		s.pids[i] = pid
	}
	if got := len(s.sys.Processes()); got != len(s.pids) {
		t.Fatalf("%d processes live, want %d", got, len(s.pids))
	}
}

// stir has all of them begin, in any order, and kills a tenth meanwhile.
func (s *soak) stir(rnd *rand.Rand) {
	order, victims := rnd.Perm(len(s.pids)), rnd.Perm(len(s.pids))[:len(s.pids)/10]
	for n, i := range order {
		s.sys.Deliver(abi.Signal{Kind: abi.SignalMessage, To: s.pids[i]})
		if n%10 == 0 {
			s.sys.Deliver(abi.Signal{Kind: abi.SignalExit, To: s.pids[victims[n/10]], Data: term.MustEncode(abi.ReasonKill)})
		}
	}
	s.sending.Wait()
}

// stop ends who lives. All that was sent is in the mailboxes by now, before what stops them.
func (s *soak) stop() {
	for _, pid := range s.pids {
		s.sys.Deliver(abi.Signal{Kind: abi.SignalMessage, To: pid, Data: soakStop})
	}
	s.running.Wait()
}

// run is process i. It sends one message whenever it has received one, and the rest in between.
func (s *soak) run(p *vm.Process, i int) vm.Exit {
	defer s.running.Done()
	left, downs := soakPeers*soakRounds, 0
	defer func() {
		if left > 0 {
			s.sending.Done()
		}
	}()
	begun := false
	for {
		timeout := vm.Infinity
		if begun && left > 0 {
			timeout = 0
		}
		m, err := p.Receive(p.Context(), timeout)
		switch {
		case p.Context().Err() != nil:
			return vm.Normal
		case err != nil: // nothing there: go on sending
		case m.Kind == abi.MessageDown:
			if downs++; downs > 1 {
				s.wrong.Add(1)
			}
		case m.From == abi.Pid{} && string(m.Data) == string(soakStop):
			s.survived[i] = true
			return vm.Normal
		case m.From == abi.Pid{}:
			begun = true
			p.Monitor(s.pids[s.peers[i][0]])
		default:
			s.receive(m.Data, i)
		}
		if begun && left > 0 {
			left--
			s.send(p, i, left%soakPeers)
			if left == 0 {
				s.sending.Done()
			}
		}
	}
}

func (s *soak) send(p *vm.Process, i, slot int) {
	data := binary.LittleEndian.AppendUint32(nil, uint32(i))
	data = append(data, byte(slot), s.sent[i][slot]+1)
	if p.Send(p.Context(), s.pids[s.peers[i][slot]], data) == nil {
		s.sent[i][slot]++
	}
}

// receive checks the number of a message to process i.
func (s *soak) receive(data []byte, i int) {
	from, slot, number := binary.LittleEndian.Uint32(data), data[4], data[5]
	if s.peers[from][slot] != i || number != s.received[from][slot]+1 {
		s.wrong.Add(1)
	}
	s.received[from][slot] = number
}

func (s *soak) check(t *testing.T) {
	if n := s.wrong.Load(); n > 0 {
		t.Errorf("%d messages out of order, or DOWNs too many", n)
	}
	survivors, lost, messages := 0, 0, 0
	for i := range s.pids {
		if s.survived[i] {
			survivors++
		}
		for slot, peer := range s.peers[i] {
			messages += int(s.received[i][slot])
			if s.survived[peer] {
				lost += int(s.sent[i][slot]) - int(s.received[i][slot])
			}
		}
	}
	if lost != 0 {
		t.Errorf("%d messages to survivors are lost", lost)
	}
	if want := len(s.pids) - len(s.pids)/10; survivors < want || survivors == len(s.pids) {
		t.Errorf("%d of %d survived a tenth being killed", survivors, len(s.pids))
	}
	t.Logf("%d processes, %d survived, %d messages received", len(s.pids), survivors, messages)
}
