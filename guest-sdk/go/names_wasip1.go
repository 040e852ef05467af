package wnode

import (
	"unsafe"

	"github.com/wnode/wnode/abi"
)

// Register gives a process of this node a name on this node. Errors: abi.ErrNameTaken (the name, or
// the process has one already), abi.ErrNoProcess, abi.ErrBadArgument.
func Register(name string, pid Pid) error {
	p, n := textOf(name)
	return status(hostRegister(p, n, uint64(pid.Node), pid.Num))
}

// Unregister frees a name of this node. Errors: abi.ErrNoName.
func Unregister(name string) error { return status(hostUnregister(textOf(name))) }

// Whereis looks up a name of this node. Errors: abi.ErrNoName.
func Whereis(name string) (Pid, error) {
	p, n := textOf(name)
	return readPid(func(pid unsafe.Pointer) int32 { return hostWhereis(p, n, pid) })
}

// GlobalRegister gives a process of any node a name on all connected nodes. Errors: as [Register].
func GlobalRegister(name string, pid Pid) error {
	p, n := textOf(name)
	return status(hostGlobalRegister(p, n, uint64(pid.Node), pid.Num))
}

// GlobalUnregister frees a name on all connected nodes, if it was taken.
func GlobalUnregister(name string) error { return status(hostGlobalUnregister(textOf(name))) }

// GlobalWhereis looks up a global name. Errors: abi.ErrNoName.
func GlobalWhereis(name string) (Pid, error) {
	p, n := textOf(name)
	return readPid(func(pid unsafe.Pointer) int32 { return hostGlobalWhereis(p, n, pid) })
}

// Node gives the name of the node that this process runs on.
func Node() (string, error) {
	b, err := read(hostNodeName)
	return string(b), err
}

// Nodes gives the names of the connected nodes.
func Nodes() ([]string, error) {
	t, err := readTerm(hostNodeList)
	if err != nil {
		return nil, err
	}
	list, _ := t.([]any)
	names := make([]string, 0, len(list))
	for _, e := range list {
		name, ok := e.(string)
		if !ok {
			return nil, abi.ErrBadArgument
		}
		names = append(names, name)
	}
	return names, nil
}

// Connect connects to a node, if it is not connected already. Errors: abi.ErrNotConnected.
func Connect(node string) error { return status(hostNodeConnect(textOf(node))) }

// Disconnect disconnects from a node and reports whether it was connected.
func Disconnect(node string) (bool, error) { return truth(hostNodeDisconnect(textOf(node))) }

// Ping asks a node for a sign of life, connecting to it if need be. True is pong, false pang.
func Ping(node string) (bool, error) { return truth(hostNodePing(textOf(node))) }

// MonitorNode connects to a node if need be and asks for the message ["nodedown", name] when the connection
// is lost, or at once when there is none; asked for again, for one more. See [Message.NodeEvent]. Errors:
// abi.ErrLimit, abi.ErrDenied.
func MonitorNode(node string) error {
	name, n := textOf(node)
	return status(hostMonitorNode(name, n, 1))
}

// DemonitorNode takes one [MonitorNode] back and reports whether there was one.
func DemonitorNode(node string) (bool, error) {
	name, n := textOf(node)
	return truth(hostMonitorNode(name, n, 0))
}

// MonitorNodes asks for a message for each node that is connected or lost from now on; asked for again, for
// one more of each. See [Message.NodeEvent]. Errors: abi.ErrLimit.
func MonitorNodes() error { return status(hostMonitorNodes(1)) }

// DemonitorNodes takes one [MonitorNodes] back and reports whether there was one.
func DemonitorNodes() (bool, error) { return truth(hostMonitorNodes(0)) }
