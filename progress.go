package wnode

import (
	"io"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/vm/module"
)

// Work is something done with a module that can take so long that a person waits for it.
type Work string

// The kinds of work.
const (
	WorkSend    Work = "sending"   // to another node
	WorkReceive Work = "receiving" // from another node
	WorkCompile Work = "compiling"
)

// Progress says how far some work is. Done and Total are bytes of the module; work that cannot be
// divided goes from none to all. Work that fails ends without a word.
type Progress struct {
	Work        Work
	Module      abi.Hash
	Done, Total int64
}

func (n *Node) progress(work Work, hash abi.Hash, done, total int64) {
	if n.opts.Progress != nil {
		n.opts.Progress(Progress{work, hash, done, total})
	}
}

// source gives transfers to other nodes what they send, and tells how far they are.
type source struct {
	node  *Node
	store *module.Store
}

func (s source) Has(hash abi.Hash) bool { return s.store.Has(hash) }

func (s source) Open(hash abi.Hash) (io.ReadSeekCloser, int64, error) {
	content, size, err := s.store.Open(hash)
	if err != nil {
		return nil, 0, err
	}
	return &countingReader{content, func(done int64) { s.node.progress(WorkSend, hash, done, size) }, 0}, size, nil
}

// countingReader tells how much has been read.
type countingReader struct {
	io.ReadSeekCloser
	tell func(done int64)
	done int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.ReadSeekCloser.Read(p)
	c.done += int64(n)
	c.tell(c.done)
	return n, err
}

// Seek tells nothing: what is passed over is there already.
func (c *countingReader) Seek(offset int64, whence int) (int64, error) {
	at, err := c.ReadSeekCloser.Seek(offset, whence)
	c.done = at
	return at, err
}
