package guest

import (
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/vm"
)

// slowCompiler is a node on which compiling takes until the test says so.
type slowCompiler struct {
	n       *testNode
	began   []string      // the modules that have had a compiler, in that order
	proceed chan struct{} // a token for each that may come to its end
	names   map[abi.Hash]string
}

func newSlowCompiler(t *testing.T) *slowCompiler {
	s := &slowCompiler{proceed: make(chan struct{}), names: map[abi.Hash]string{}}
	began := make(chan abi.Hash)
	s.n = newTestNode(t, func(o *Options) {
		o.Compiling = func(hash abi.Hash, done, _ int64) {
			if done == 0 {
				began <- hash
				<-s.proceed
			}
		}
	})
	go func() {
		for hash := range began {
			s.began = append(s.began, s.names[hash])
		}
	}()
	t.Cleanup(func() { close(began) })
	return s
}

// head starts a guest that the test can have spawn others.
func (s *slowCompiler) head() abi.Pid {
	pid, err := s.n.system.Spawn(vm.SpawnOptions{Function: abi.Function{Name: "head"}, Body: vm.Func(func(p *vm.Process) vm.Exit {
		_, _ = p.Receive(p.Context(), vm.Infinity)
		return vm.Normal
	})})
	if err != nil {
		s.n.t.Fatal(err)
	}
	return pid
}

// want spawns a guest with a module of its own as a child of a process.
func (s *slowCompiler) want(parent abi.Pid, name string) *program {
	bytes := entry().Custom(name, nil).Bytes()
	hash, _ := s.n.modules.Put(bytes)
	s.names[hash] = name
	p := s.n.start(bytes, func(o *vm.SpawnOptions) { o.Parent = parent })
	synctest.Wait()
	return p
}

// finish lets one module after the other be compiled.
func (s *slowCompiler) finish(times int) {
	for range times {
		s.proceed <- struct{}{}
		synctest.Wait()
	}
}

func (s *slowCompiler) wantBegan(want ...string) {
	s.n.t.Helper()
	if fmt.Sprint(s.began) != fmt.Sprint(want) {
		s.n.t.Errorf("had a compiler: %v, want %v", s.began, want)
	}
}

// Whoever wants many modules has one of them compiled at a time, and others do not stand in its line.
func TestCompilersAreShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSlowCompiler(t)
		a, b, c := s.head(), s.head(), s.head()
		for i := range 5 {
			s.want(a, fmt.Sprint("a", i))
		}
		s.wantBegan("a0")
		s.want(b, "b0")
		s.want(b, "b1")
		s.want(c, "c0")
		s.wantBegan("a0", "b0")
		s.finish(1)
		s.wantBegan("a0", "b0", "c0")
		s.finish(7)
		if s.began[3][0] == s.began[4][0] || len(s.began) != 8 {
			t.Errorf("had a compiler: %v", s.began)
		}
		for i := range 5 { // each in its own line's order
			if at := index(s.began, fmt.Sprint("a", i)); i > 0 && at < index(s.began, fmt.Sprint("a", i-1)) {
				t.Errorf("had a compiler: %v", s.began)
			}
		}
		s.n.close()
	})
}

func index(list []string, want string) int {
	for i, v := range list {
		if v == want {
			return i
		}
	}
	return -1
}

// Who wants what stands far back in another's line has its own turn, and what nobody waits for any more
// is not compiled.
func TestCompilersServeWhoWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSlowCompiler(t)
		a, b, c := s.head(), s.head(), s.head()
		s.want(c, "c0")
		var wanted []*program
		for i := range 5 {
			wanted = append(wanted, s.want(a, fmt.Sprint("a", i)))
		}
		s.n.kill(wanted[1].pid)
		synctest.Wait()
		s.want(b, "a4")
		s.wantBegan("c0", "a0")
		s.finish(1) // of either
		s.wantBegan("c0", "a0", "a4")
		s.finish(4)
		if len(s.began) != 5 || index(s.began, "a1") >= 0 {
			t.Errorf("had a compiler: %v", s.began)
		}
		s.n.close()
	})
}

// What one origin may have waiting is bounded; what others want is not touched by that.
func TestCompilersAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSlowCompiler(t)
		a, b := s.head(), s.head()
		for i := range maxLine {
			s.want(a, fmt.Sprint("a", i))
		}
		_, detail := trapOf(t, s.want(a, "one too many").wait())
		if len(detail) != 0 {
			t.Errorf("detail %v", detail)
		}
		s.want(b, "b0")
		s.wantBegan("a0", "b0")
		s.finish(1 + maxLine)
		wantReason(t, s.startNow(a), "normal")
		s.n.close()
	})
}

// startNow runs a guest whose module is compiled at once.
func (s *slowCompiler) startNow(parent abi.Pid) vm.Exit {
	p := s.want(parent, "later")
	s.finish(1)
	return p.wait()
}
