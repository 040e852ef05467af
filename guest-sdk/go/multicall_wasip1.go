package wnode

import "time"

// NodeReply is what the server of one node answered.
type NodeReply struct {
	Node  string
	Reply any
}

// MultiCall calls the servers that have a name on several nodes, all at the same time, and gives their
// replies in the order of the nodes, and the nodes without one: those that cannot be reached, have
// nobody of that name, or took too long (GS-09). Nodes that are not connected are connected to first,
// one after the other. Errors: abi.ErrTooLarge, abi.ErrLimit, and values that are no terms.
func MultiCall(nodes []string, name string, request any, timeout time.Duration) (replies []NodeReply, bad []string, err error) {
	var asked []pending
	defer func() {
		if err != nil {
			for _, p := range asked {
				_ = p.drop()
			}
		}
	}()
	for _, node := range nodes {
		p, err := askName(Address{Name: name, Node: node}, TagCall, request)
		if err != nil {
			return nil, nil, err
		}
		asked = append(asked, p)
	}
	start := time.Now()
	hostRewind() // each request has marked the mailbox, behind the replies to those before it
	for i, p := range asked {
		left := timeout
		if timeout != Infinity {
			left -= time.Since(start)
		}
		o, err := awaitReply(p, left, next)
		switch {
		case err != nil:
			return nil, nil, err
		case o.kind == replied:
			replies = append(replies, NodeReply{nodes[i], o.value})
		default:
			bad = append(bad, nodes[i])
		}
	}
	return replies, bad, nil
}
