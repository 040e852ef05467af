package guest

import (
	"time"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/vm"
)

// setTimer is how the process sets a timer of either kind.
type setTimer func(*vm.Process, time.Duration, vm.TimerTarget, []byte) (abi.Ref, error)

func (g *guest) sendAfter(c *call) (int64, error) {
	return g.timerForPid(c, (*vm.Process).SendAfter)
}

func (g *guest) startTimer(c *call) (int64, error) {
	return g.timerForPid(c, (*vm.Process).StartTimer)
}

func (g *guest) timerForPid(c *call, set setTimer) (int64, error) {
	delay, pid, message, out := c.duration(), c.pid(), c.bytes(), c.pidOut()
	if c.err != nil {
		return 0, c.err
	}
	return 0, g.setTimer(set, delay, vm.TimerTarget{Pid: pid}, message, out)
}

func (g *guest) sendNameAfter(c *call) (int64, error) {
	delay, name, message, out := c.duration(), c.name(), c.bytes(), c.pidOut()
	if c.err != nil {
		return 0, c.err
	}
	return 0, g.setTimer((*vm.Process).SendAfter, delay, vm.TimerTarget{Name: name}, message, out)
}

func (g *guest) setTimer(set setTimer, delay time.Duration, to vm.TimerTarget, message, out []byte) error {
	ref, err := set(g.process, delay, to, g.process.Clone(message))
	if err == nil {
		ref.Append(out)
	}
	return err
}

func (g *guest) cancelTimer(c *call) (int64, error) {
	return timeLeft(g.process.System().CancelTimer(c.ref()))
}

func (g *guest) readTimer(c *call) (int64, error) {
	return timeLeft(g.process.System().ReadTimer(c.ref()))
}

func timeLeft(left time.Duration, ok bool) (int64, error) {
	if !ok {
		return 0, abi.ErrNoTimer
	}
	return int64(left), nil
}
