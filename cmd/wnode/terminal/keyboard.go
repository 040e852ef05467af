package terminal

import (
	"io"
	"sync"
	"time"
)

// wakeRune in the input has the reader look after what others want of it. It is a noncharacter: no
// keyboard sends it, and if text has one it does no harm.
const wakeRune = '\U0010fffe'

// maxTyped bounds what is typed ahead. The system, too, drops what comes beyond its bound.
const maxTyped = 1 << 20

// rereadTime is how long keys that were typed for a process that had been reading wait for it to
// read again, before another reader gets them.
const rereadTime = 100 * time.Millisecond

// key is a key that waits to be read.
type key struct {
	text     string
	assisted bool // typed at an assisted prompt, or after the line that was read there
}

// keyboard gives the library the keys of a terminal, one with each Read, as an [io.Reader]. It reads
// the terminal all the time, so that it sees Ctrl-C and Ctrl-\ also while no line is being read; other
// keys wait until one is.
type keyboard struct {
	source      *source
	interrupted func() // Ctrl-C came while no line was being read
	quit        func() // Ctrl-\ came

	wg      sync.WaitGroup
	changed chan struct{} // holds a token that stands for "look again"

	mu       sync.Mutex // guards all below
	started  bool
	paste    paste
	begun    []byte // of a key
	typed    []key
	size     int  // bytes of typed
	quitting bool // Ctrl-\ has come
	woken    bool
	answer   string // of the terminal to the library's question, before all keys
	reading  bool
	assisted bool      // the prompt at which a line is being read, or was last
	freed    bool      // Ctrl-C has come since: what follows is for whoever reads next
	since    time.Time // of assisted
	closed   bool
	err      error // of the source
}

func newKeyboard(s *source, interrupted, quit func()) *keyboard {
	return &keyboard{source: s, interrupted: interrupted, quit: quit, changed: make(chan struct{}, 1)}
}

// begin says that a line is about to be read.
func (k *keyboard) begin(assisted bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.started {
		k.started = true
		k.wg.Go(k.follow)
	}
	k.reading, k.freed = true, false
	k.promptedLocked(assisted)
}

// prompted says that the prompt is another.
func (k *keyboard) prompted(assisted bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.promptedLocked(assisted)
}

func (k *keyboard) promptedLocked(assisted bool) {
	if assisted != k.assisted {
		k.assisted, k.since = assisted, time.Now()
	}
}

// end says that the line has been read. It reports whether Ctrl-C has been typed since, which takes
// what was typed before it along.
func (k *keyboard) end() (interrupted bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.reading = false
	return k.dropInterruptedLocked()
}

// dropInterruptedLocked drops the keys up to the last Ctrl-C, and reports whether there was one.
func (k *keyboard) dropInterruptedLocked() bool {
	for i := len(k.typed) - 1; i >= 0; i-- {
		if k.typed[i].text == keyInterrupt {
			k.typed = k.typed[i+1:]
			k.size = 0
			for _, rest := range k.typed {
				k.size += len(rest.text)
			}
			return true
		}
	}
	return false
}

// follow reads the terminal until the keyboard is closed.
func (k *keyboard) follow() {
	var buf [4096]byte
	for {
		n, err := k.source.read(buf[:])
		if !k.feed(buf[:n], err) {
			return
		}
	}
}

// feed takes what the terminal has sent. It reports false when that is the last.
func (k *keyboard) feed(data []byte, err error) bool {
	k.mu.Lock()
	defer k.settle()
	k.begun = k.paste.filter(k.begun, data)
	for text := nextKey(k.begun); text != ""; text = nextKey(k.begun) {
		k.begun = k.begun[len(text):]
		k.pressLocked(text)
	}
	if err != nil {
		k.err = err
	}
	return k.err == nil && !k.closed
}

// press does what pressing a key does.
func (k *keyboard) press(text string) {
	k.mu.Lock()
	defer k.settle()
	k.pressLocked(text)
}

// settle unlocks, and does what new keys ask for.
func (k *keyboard) settle() {
	interrupted, quit := !k.reading && k.dropInterruptedLocked(), k.quitting
	k.quitting = false
	k.mu.Unlock()
	k.look()
	if interrupted {
		k.interrupted()
	}
	if quit {
		k.quit()
	}
}

func (k *keyboard) pressLocked(text string) {
	k.quitting = k.quitting || text == keyQuit
	text = forLibrary(text)
	if text == "" || k.size+len(text) > maxTyped && text != keyInterrupt {
		return
	}
	k.typed = append(k.typed, key{text, k.assisted || k.freed})
	k.freed = k.freed || text == keyInterrupt
	k.size += len(text)
}

// wake has the library read a wakeRune, before all else. Safe for concurrent use.
func (k *keyboard) wake() {
	k.mu.Lock()
	k.woken = true
	k.mu.Unlock()
	k.look()
}

// reply answers the library's question.
func (k *keyboard) reply(text string) {
	k.mu.Lock()
	k.answer = text
	k.mu.Unlock()
	k.look()
}

func (k *keyboard) look() {
	select {
	case k.changed <- struct{}{}:
	default:
	}
}

// Read gives one key. What the library reads further for itself would miss what comes first later.
// [io.EOF] after close.
func (k *keyboard) Read(p []byte) (int, error) {
	for {
		text, wait, err := k.take()
		if text != "" || err != nil {
			return copy(p, text), err
		}
		if wait == 0 {
			<-k.changed
			continue
		}
		timer := time.NewTimer(wait)
		select {
		case <-k.changed:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// take gives what is to be read next. When that is nothing yet, it says how long to wait at most
// before looking again, 0 for ever.
func (k *keyboard) take() (text string, wait time.Duration, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case k.woken:
		k.woken = false
		return string(wakeRune), 0, nil
	case k.answer != "":
		text, k.answer = k.answer, ""
		return text, 0, nil
	case k.closed:
		return "", 0, io.EOF
	}
	for len(k.typed) > 0 {
		first := k.typed[0]
		foreign := k.assisted && !first.assisted
		if wait := rereadTime - time.Since(k.since); foreign && wait > 0 {
			return "", wait, nil
		}
		k.typed = k.typed[1:]
		k.size -= len(first.text)
		// The end of the input of another process is not that of the shell.
		if !foreign || first.text != keyEnd {
			return first.text, 0, nil
		}
	}
	return "", 0, k.err
}

// close makes Read give io.EOF, and ends the reading of the terminal. Nothing may be reading a line.
func (k *keyboard) close() {
	k.mu.Lock()
	k.closed = true
	k.mu.Unlock()
	k.look()
	k.source.wake()
	k.wg.Wait()
	k.source.close()
}
