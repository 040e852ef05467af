package programtest

import (
	"io"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// Patience is how long anything that should happen may take. Only failures last that long.
const Patience = 90 * time.Second

// Transcript is what a program has written to a stream, as it comes. Its methods may be called concurrently.
type Transcript struct {
	mu      sync.Mutex // guards what follows
	text    []byte
	ended   bool
	changed chan struct{}
}

// NewTranscript makes one without text.
func NewTranscript() *Transcript { return &Transcript{changed: make(chan struct{})} }

// Follow takes in what comes from a stream until that ends.
func (s *Transcript) Follow(r io.Reader) {
	buffer := make([]byte, 1<<12)
	for {
		n, err := r.Read(buffer)
		s.mu.Lock()
		s.text, s.ended = append(s.text, buffer[:n]...), err != nil
		close(s.changed)
		s.changed = make(chan struct{})
		s.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// String gives all of it.
func (s *Transcript) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return string(s.text)
}

// AwaitText waits until there is a text, and gives what is in front of it.
func (s *Transcript) AwaitText(t testing.TB, text string) (before string) {
	t.Helper()
	s.await(t, text, func(all string, _ bool) (found bool) {
		before, _, found = strings.Cut(all, text)
		return found
	})
	return before
}

// AwaitLine waits for a whole line that matches, and gives what the groups of the pattern match.
func (s *Transcript) AwaitLine(t testing.TB, pattern string) (groups []string) {
	t.Helper()
	re, seen := regexp.MustCompile(pattern), 0
	s.await(t, pattern, func(all string, ended bool) bool {
		for seen < len(all) && groups == nil {
			line, _, whole := strings.Cut(all[seen:], "\n")
			if !whole && !ended {
				return false
			}
			groups = re.FindStringSubmatch(line)
			seen += len(line) + 1
		}
		return groups != nil
	})
	return groups
}

// await waits until ok is content with all the text, and fails the test when it will not be.
func (s *Transcript) await(t testing.TB, what string, ok func(all string, ended bool) bool) {
	t.Helper()
	deadline := time.After(Patience)
	for {
		s.mu.Lock()
		all, changed, ended := string(s.text), s.changed, s.ended
		s.mu.Unlock()
		if ok(all, ended) {
			return
		}
		if ended {
			t.Fatalf("the stream ended without %q:\n%s", what, all)
		}
		select {
		case <-changed:
		case <-deadline:
			t.Fatalf("no %q in\n%s", what, all)
		}
	}
}
