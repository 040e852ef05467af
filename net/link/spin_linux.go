package link

import (
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/wnode/wnode/internal/processors"
)

// spinner waits for packets awake, while the program keeps to one processor and the waits are short: who sleeps is
// woken only after as much time as all else takes that is done for a message. For one reader at a time.
type spinner struct {
	raw     syscall.RawConn
	single  func() bool // whether the program keeps to one processor
	worth   int         // grows with waits that were over soon, and shrinks with others
	resting time.Time   // it does not wait awake until then
}

const (
	maxSpin   = 300 * time.Microsecond // that a wait lasts awake
	minWorth  = 4                      // before it does so
	maxWorth  = 12
	maxAbsent = time.Millisecond       // longer ones mean that other programs want the processor
	spinRest  = 100 * time.Millisecond // after such
)

// wait has read wait for a packet, and take it.
func (s *spinner) wait(read func() error) error {
	if !s.single() {
		s.worth = 0
		return read()
	}
	began := time.Now()
	if s.worth >= minWorth && began.After(s.resting) {
		s.spin(began)
	}
	err := read()
	if time.Since(began) <= maxSpin {
		s.worth = min(s.worth+1, maxWorth)
	} else {
		s.worth = max(s.worth-1, 0)
	}
	return err
}

// spin lets other goroutines run until there is a packet, or for as long as it may.
func (s *spinner) spin(began time.Time) {
	var idle time.Duration // nobody else had anything to do
	_ = s.raw.Control(func(fd uintptr) {
		for last := began; last.Sub(began) < maxSpin && !arrived(fd); {
			runtime.Gosched()
			now := time.Now()
			switch pause := now.Sub(last); {
			case pause > maxAbsent:
				s.resting = now.Add(spinRest)
				return
			case pause < maxIdleTurn:
				idle += pause
			}
			last = now
		}
	})
	processors.Waited(idle)
}

// maxIdleTurn is how long it takes at most to find that there is no packet, and no other goroutine to run.
const maxIdleTurn = 3 * time.Microsecond

// arrived reports whether there is a packet to read, or an error.
func arrived(fd uintptr) bool {
	_, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, fd, 0, 0, unix.MSG_PEEK|unix.MSG_DONTWAIT, 0, 0)
	return errno != unix.EAGAIN
}
