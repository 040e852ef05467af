package guest

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
	"github.com/wnode/wnode/vm"
)

// maxSpawnBytes bounds the options of a spawn, arguments included.
const maxSpawnBytes = 1 << 20

// majorArray is the major type of arrays, in the upper bits of an item's first byte (RFC 8949 section 3.1).
const majorArray = 4

// spawnOptions is the map that spawn is given.
type spawnOptions struct {
	function *abi.Function
	export   *string
	args     term.Raw
	node     string // "" for this node
	leader   abi.Pid
	link     bool
	rights   vm.Rights
	overflow vm.Overflow
	priority abi.Priority
}

func (g *guest) spawn(c *call) (int64, error) {
	encoded, out := c.bytes(), c.pidOut()
	pid, _, err := g.spawnOptions(encoded, false)
	if err == nil {
		pid.Append(out)
	}
	return 0, err
}

func (g *guest) spawnMonitor(c *call) (int64, error) {
	encoded, out, refOut := c.bytes(), c.pidOut(), c.pidOut()
	pid, ref, err := g.spawnOptions(encoded, true)
	if err == nil {
		pid.Append(out)
		ref.Append(refOut)
	}
	return 0, err
}

// spawnOptions spawns what the options say.
func (g *guest) spawnOptions(encoded []byte, monitor bool) (abi.Pid, abi.Ref, error) {
	options, err := g.parsedSpawnOptions(encoded)
	if err != nil {
		return abi.Pid{}, abi.Ref{}, fmt.Errorf("spawn: %w: %w", abi.ErrBadArgument, err)
	}
	request := vm.SpawnRequest{
		Function: options.code(g.fn), Args: options.args, Leader: options.leader, Link: options.link,
		Overflow: options.overflow, Rights: options.rights, Priority: options.priority,
	}
	if err := request.Function.Validate(); err != nil {
		return abi.Pid{}, abi.Ref{}, fmt.Errorf("spawn: %w", err)
	}
	node, err := g.resolve(options.node)
	switch {
	case errors.Is(err, abi.ErrBadArgument):
		return abi.Pid{}, abi.Ref{}, fmt.Errorf("spawn: %w", err)
	case err != nil:
		if monitor {
			request.Monitor = g.process.System().NewRef()
		}
		return g.process.SpawnLost(request, options.node, err), request.Monitor, nil // RSP-02, RSP-03
	case monitor:
		return g.process.SpawnMonitor(g.process.Context(), node, request)
	}
	pid, err := g.process.SpawnFunction(g.process.Context(), node, request)
	return pid, abi.Ref{}, err
}

// maxKeptOptions bounds the options that are kept for the next spawn, in bytes.
const maxKeptOptions = 1024

// lastSpawn are the options of the last spawn, which are not to be changed.
type lastSpawn struct {
	encoded []byte
	options spawnOptions
}

// parsedSpawnOptions reads the options. Those of the last spawn are often those of the next.
func (g *guest) parsedSpawnOptions(encoded []byte) (spawnOptions, error) {
	if g.spawned != nil && bytes.Equal(encoded, g.spawned.encoded) {
		return g.spawned.options, nil
	}
	options, err := parseSpawnOptions(encoded)
	if err == nil && len(encoded) <= maxKeptOptions {
		g.spawned = &lastSpawn{bytes.Clone(encoded), options}
	}
	return options, err
}

// parseSpawnOptions reads the options; nothing at all stands for the empty map. A key that there
// is none is an error (PROC-08).
func parseSpawnOptions(encoded []byte) (spawnOptions, error) {
	var options spawnOptions
	if len(encoded) > maxSpawnBytes {
		return options, fmt.Errorf("%d bytes of options", len(encoded))
	}
	values := map[string]term.Raw{}
	if len(encoded) > 0 {
		if err := term.DecodeInto(encoded, &values); err != nil {
			return options, err
		}
	}
	for key, value := range values {
		if err := options.set(key, value); err != nil {
			return options, fmt.Errorf("option %q: %w", key, err)
		}
	}
	if options.function != nil && options.export != nil {
		return options, errors.New("both a function and an export")
	}
	return options, nil
}

func (o *spawnOptions) set(key string, value term.Raw) error {
	switch key {
	case "function":
		o.function = new(abi.Function)
		return term.DecodeInto(value, o.function)
	case "export":
		o.export = new(string)
		return term.DecodeInto(value, o.export)
	case "args":
		if _, err := term.Decode(value); err != nil {
			return err
		}
		if value[0]>>5 != majorArray {
			return errors.New("no array")
		}
		o.args = value
		return nil
	case "node":
		return term.DecodeInto(value, &o.node)
	case "group_leader":
		return term.DecodeInto(value, &o.leader)
	case "link":
		return term.DecodeInto(value, &o.link)
	case "limits":
		return o.setLimits(value)
	case "deny":
		return o.deny(value)
	case "folders":
		return o.chooseFolders(value)
	case "overflow":
		return named(value, vm.ParseOverflow, &o.overflow)
	case "priority":
		return named(value, abi.ParsePriority, &o.priority)
	}
	return errors.New("there is none of that name")
}

// named reads what goes by a name.
func named[T any](value term.Raw, parse func(string) (T, error), to *T) error {
	var name string
	if err := term.DecodeInto(value, &name); err != nil {
		return err
	}
	parsed, err := parse(name)
	if err == nil {
		*to = parsed
	}
	return err
}

func (o *spawnOptions) setLimits(value term.Raw) error {
	limits := map[string]uint64{}
	if err := term.DecodeInto(value, &limits); err != nil {
		return err
	}
	for name, limit := range limits {
		if err := o.rights.Limits.Set(name, limit); err != nil {
			return err
		}
	}
	return nil
}

func (o *spawnOptions) deny(value term.Raw) error {
	var names []string
	if err := term.DecodeInto(value, &names); err != nil {
		return err
	}
	for _, name := range names {
		permission, err := vm.ParsePermission(name)
		if err != nil {
			return err
		}
		o.rights.Denied |= permission
	}
	return nil
}

func (o *spawnOptions) chooseFolders(value term.Raw) (err error) {
	var folders []string
	if err := term.DecodeInto(value, &folders); err != nil {
		return err
	}
	o.rights.Folders, err = vm.ParseFolderChoice(folders)
	return err
}

// code gives the function to run, for a caller that runs own.
func (o *spawnOptions) code(own abi.Function) abi.Function {
	switch {
	case o.function != nil:
		return *o.function
	case o.export != nil:
		return abi.Function{Module: own.Module, Export: *o.export, Name: own.Name}
	}
	return abi.Function{Module: own.Module, Export: abi.DefaultExport, Name: own.Name}
}

// resolve gives the id of a node, "" being this one.
func (g *guest) resolve(node string) (abi.NodeID, error) {
	if node == "" || node == g.engine.opts.Nodes.Name() {
		return g.process.System().Node(), nil
	}
	if len(node) > maxNameBytes {
		return 0, abi.ErrBadArgument
	}
	if g.process.Permitted(vm.PermitConnect) != nil && !g.connected(node) {
		return 0, abi.ErrNotConnected // to find it would be to connect
	}
	if !g.connected(node) {
		defer g.away()()
	}
	return g.engine.opts.Nodes.Resolve(g, node)
}

// connected reports whether a node is this one or connected to it.
func (g *guest) connected(node string) bool {
	nodes := g.engine.opts.Nodes
	return node == nodes.Name() || slices.Contains(nodes.Nodes(), node)
}
