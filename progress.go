package wnode

import (
	"cmp"
	"io"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/net/ship"
	"github.com/wnode/wnode/vm/module"
)

// Work is something done with a module that can take so long that a person waits for it.
type Work string

// The kinds of work.
const (
	WorkSend    Work = "sending"   // to another node
	WorkReceive Work = "receiving" // from another node
	WorkCompile Work = "compiling"
	WorkWait    Work = "waiting" // for a node to send it to another one, for a second and longer
)

// Progress says how far some work is. Done and Total are bytes of the module; work that cannot be
// divided goes from none to all. Work that fails ends without a word.
//
// Of WorkWait the node is told for itself, for those that wait for it, and for those to which it has given functions of
// the module, as these say themselves, every few seconds until the wait is over.
type Progress struct {
	Work        Work
	Module      abi.Hash
	Done, Total int64
	// Of WorkWait: the node that waits, and the one that is to send the module, or sends it; "" when the wait is over. Total
	// is 0 while it is not known.
	Node, From string
}

func (n *Node) progress(work Work, hash abi.Hash, done, total int64) {
	if n.opts.Progress != nil {
		n.opts.Progress(Progress{Work: work, Module: hash, Done: done, Total: total})
	}
}

// waits tells of a node that waits for a module.
func (n *Node) waits(w ship.Wait) {
	if n.opts.Progress == nil {
		return
	}
	p := Progress{Work: WorkWait, Module: w.Module, Done: w.Done, Total: w.Total}
	p.Node, _ = n.NodeName(w.Node)
	if w.From != w.Node {
		name, _ := n.NodeName(w.From)
		p.From = cmp.Or(name, "another node") // that this one has never met
	}
	n.opts.Progress(p)
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
