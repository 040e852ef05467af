package guest

import (
	"errors"
	"fmt"

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
}

func (g *guest) spawn(c *call) (int64, error) {
	encoded, out := c.bytes(), c.pidOut()
	options, err := parseSpawnOptions(encoded)
	if err != nil {
		return 0, fmt.Errorf("spawn: %w: %w", abi.ErrBadArgument, err)
	}
	request := vm.SpawnRequest{Function: options.code(g.fn), Args: options.args, Leader: options.leader}
	if _, err := request.Function.MarshalBinary(); err != nil {
		return 0, fmt.Errorf("spawn: %w", err)
	}
	node, err := g.resolve(options.node)
	switch {
	case errors.Is(err, abi.ErrBadArgument):
		return 0, fmt.Errorf("spawn: %w", err)
	case err != nil:
		g.process.System().SpawnFailed(request.Function, options.node, err).Append(out) // RSP-02
		return 0, nil
	}
	pid, err := g.process.SpawnFunction(g, node, request)
	if err != nil {
		return 0, err
	}
	pid.Append(out)
	return 0, nil
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
	}
	return errors.New("there is none of that name")
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
	return g.engine.opts.Nodes.Resolve(g, node)
}
