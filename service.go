package wnode

import (
	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
)

// serviceMessage is what the services of two nodes say to each other, in an [abi.SignalNode]: one
// of the fields. No process can send one, so it is the word of its node.
type serviceMessage struct {
	Name  *nameMessage `cbor:"1,keyasint,omitempty"`
	Crash *crashReport `cbor:"2,keyasint,omitempty"`
}

func (n *Node) serviceSignal(to abi.NodeID, msg serviceMessage) abi.Signal {
	return abi.Signal{
		Kind: abi.SignalNode, From: abi.Pid{Node: n.id}, To: abi.Pid{Node: to}, Data: term.MustEncode(msg),
	}
}

// postService sends a message to another node's services, if that is connected, in order and
// without waiting.
func (n *Node) postService(to abi.NodeID, msg serviceMessage) error {
	return n.peers.Post(n.serviceSignal(to, msg))
}

// serviceMessage takes a message of another node's services. It does not wait. What it does not
// know is for a later version.
func (n *Node) serviceMessage(sig abi.Signal) {
	var msg serviceMessage
	if err := term.DecodeInto(sig.Data, &msg); err != nil {
		if n.mayLog(sig.From.Node) {
			n.log.Warn("message between nodes not understood", "err", err)
		}
		return
	}
	if msg.Name != nil {
		n.globals.handle(sig.From.Node, *msg.Name)
	}
	if msg.Crash != nil {
		n.crashElsewhere(sig.From.Node, *msg.Crash)
	}
}
