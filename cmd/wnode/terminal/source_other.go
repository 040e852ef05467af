//go:build !unix

package terminal

import "os"

// source reads a file such that a read can be woken. read is for one goroutine at a time. The file
// itself cannot be woken: the goroutine that reads it ends with the next key after close.
type source struct {
	file    *os.File
	woken   chan struct{}    // holds a token when a read is to end
	filled  chan fileContent // capacity 1
	filling bool             // a goroutine reads the file
	rest    []byte           // read from the file and not yet given
}

// fileContent is what one read of the file gave.
type fileContent struct {
	data []byte
	err  error
}

func openSource(file *os.File) (*source, error) {
	return &source{file: file, woken: make(chan struct{}, 1), filled: make(chan fileContent, 1)}, nil
}

// wake ends the read that runs, or else the next one. Safe for concurrent use.
func (s *source) wake() {
	select {
	case s.woken <- struct{}{}:
	default:
	}
}

// read waits for what the file has: 0 and no error when it was woken.
func (s *source) read(p []byte) (int, error) {
	if len(s.rest) == 0 {
		if !s.filling {
			s.filling = true
			go s.fill()
		}
		select {
		case <-s.woken:
			return 0, nil
		case content := <-s.filled:
			s.filling, s.rest = false, content.data
			if len(content.data) == 0 {
				return 0, content.err
			}
		}
	}
	n := copy(p, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

// fill reads the file once. An error that came with data comes again.
func (s *source) fill() {
	var buf [4096]byte
	n, err := s.file.Read(buf[:])
	s.filled <- fileContent{buf[:n], err}
}

// close frees what the source holds.
func (s *source) close() {}
