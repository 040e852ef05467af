package sched

import (
	"runtime"
	"testing"
)

type bodyFunc func()

func (f bodyFunc) Run() { f() }

// BenchmarkPark measures two tasks that wake each other, there and back.
func BenchmarkPark(b *testing.B) {
	s := New(runtime.GOMAXPROCS(0))
	defer s.Close()
	var ping, pong Task
	turn, over := 0, make(chan struct{}, 2)
	s.Start(&ping, bodyFunc(func() {
		s.Start(&pong, bodyFunc(func() {
			for turn >= 0 {
				for turn == 0 {
					pong.Park()
				}
				if turn > 0 {
					turn = 0
					ping.Ready(&pong)
				}
			}
			over <- struct{}{}
		}), &ping)
		for b.Loop() {
			turn = 1
			pong.Ready(&ping)
			for turn == 1 {
				ping.Park()
			}
		}
		turn = -1
		pong.Ready(&ping)
		over <- struct{}{}
	}), nil)
	<-over
	<-over
}

// BenchmarkStart measures a task that does nothing, from its start to its end.
func BenchmarkStart(b *testing.B) {
	s := New(runtime.GOMAXPROCS(0))
	defer s.Close()
	var parent Task
	over := make(chan struct{})
	s.Start(&parent, bodyFunc(func() {
		ready := false
		for b.Loop() {
			ready = false
			s.Start(new(Task), bodyFunc(func() { ready = true; parent.Ready(&parent) }), &parent)
			for !ready {
				parent.Park()
			}
		}
		close(over)
	}), nil)
	<-over
}
