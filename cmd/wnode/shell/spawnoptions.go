package shell

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/dop251/goja"

	"github.com/wnode/wnode"
	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
)

// processSpawn is spawn with options, which go by the names of those of the host function.
func (e *Evaluator) processSpawn(a arguments) (goja.Value, error) {
	f, err := a.function(0)
	if err != nil {
		return nil, err
	}
	args, err := e.toTerm(a.at(1))
	if err != nil {
		return nil, fmt.Errorf("argument 2: %w", err)
	}
	if args == nil {
		args = []any{}
	}
	if _, ok := args.([]any); !ok {
		return nil, a.wrong(1, "an array of the process's arguments")
	}
	options, err := e.spawnOptions(a, 2)
	if err != nil {
		return nil, err
	}
	options.req.Function = f
	if options.req.Args, err = term.Encode(args); err != nil {
		return nil, err
	}
	if options.monitor {
		options.req.Monitor = e.newRef()
	}
	return e.spawnAt(options.node, options.req)
}

// spawnOptions are those of Process.spawn.
type spawnOptions struct {
	node    string
	monitor bool
	req     wnode.SpawnRequest
}

// spawnOptions reads the argument i, in the order of its keys, so that the same error is found each time.
func (e *Evaluator) spawnOptions(a arguments, i int) (spawnOptions, error) {
	o := spawnOptions{node: e.node.Name()}
	if goja.IsUndefined(a.at(i)) {
		return o, nil
	}
	t, err := e.toTerm(a.at(i))
	if err != nil {
		return o, fmt.Errorf("argument %d: %w", i+1, err)
	}
	values, err := byName(t)
	if err != nil {
		return o, a.wrong(i, `options, as in {link: true, limits: {memory: 1048576}}`)
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if err := o.set(name, values[name]); err != nil {
			return o, typeErrorf("option %s: %s", name, strings.TrimSuffix(err.Error(), ": "+abi.ErrBadArgument.Error()))
		}
	}
	return o, nil
}

func (o *spawnOptions) set(name string, value any) (err error) {
	switch name {
	case "node":
		o.node, err = as[string](value, "the name of a node")
	case "link":
		o.req.Link, err = as[bool](value, "true or false")
	case "monitor":
		o.monitor, err = as[bool](value, "true or false")
	case "limits":
		return setLimits(&o.req.Rights.Limits, value)
	case "deny":
		o.req.Rights.Denied, err = permissions(value)
	case "folders":
		var paths []string
		if paths, err = texts(value); err == nil {
			o.req.Rights.Folders, err = wnode.ParseFolderChoice(paths)
		}
	case "overflow":
		o.req.Overflow, err = named(value, wnode.ParseOverflow)
	case "priority":
		o.req.Priority, err = named(value, wnode.ParsePriority)
	default:
		return errors.New("there is none of that name; there are node, link, monitor, limits, deny, folders, overflow and priority")
	}
	return err
}

// setLimits reads an object of limits; the priority among them may be a name, as Process.info has it.
func setLimits(limits *wnode.Limits, value any) error {
	values, err := byName(value)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		number, isNumber := values[name].(int64)
		if name == "priority" && !isNumber {
			priority, err := named(values[name], wnode.ParsePriority)
			if err != nil {
				return err
			}
			number, isNumber = int64(priority), true
		}
		if !isNumber || number < 0 {
			return fmt.Errorf("%s must be a whole number, and not less than 0", name)
		}
		if err := limits.Set(name, uint64(number)); err != nil {
			return err
		}
	}
	return nil
}

func permissions(value any) (denied wnode.Permissions, err error) {
	names, err := texts(value)
	if err != nil {
		return 0, err
	}
	for _, name := range names {
		permission, err := wnode.ParsePermission(name)
		if err != nil {
			return 0, err
		}
		denied |= permission
	}
	return denied, nil
}

func byName(value any) (map[string]any, error) {
	m, err := as[map[any]any](value, "an object")
	values := map[string]any{}
	for key, v := range m {
		name, err := as[string](key, "a text")
		if err != nil {
			return nil, err
		}
		values[name] = v
	}
	return values, err
}

func texts(value any) ([]string, error) {
	list, err := as[[]any](value, "an array of strings")
	all := make([]string, len(list))
	for i := range list {
		if all[i], err = as[string](list[i], "an array of strings"); err != nil {
			return nil, err
		}
	}
	return all, err
}

// named reads what goes by a name.
func named[T any](value any, parse func(string) (T, error)) (T, error) {
	name, err := as[string](value, "a string")
	if err != nil {
		var none T
		return none, err
	}
	return parse(name)
}

// as gives a term that has to be of one type.
func as[T any](value any, want string) (T, error) {
	v, ok := value.(T)
	if !ok {
		return v, fmt.Errorf("it must be %s", want)
	}
	return v, nil
}
