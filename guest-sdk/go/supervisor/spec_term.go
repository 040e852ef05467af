package supervisor

import (
	"time"

	"github.com/wnode/wnode/abi"
	wnode "github.com/wnode/wnode/guest-sdk/go"
)

// The texts for times that are no numbers of milliseconds.
const (
	brutalKill = "brutal_kill"
	infinity   = "infinity"
)

// Term gives the spec as messages have it, a map of "id", "start" (a map of "func", "function", "args",
// "node", "name", "limits", "deny", "folders", "overflow" and "priority"), "restart", "shutdown" (milliseconds, "brutal_kill" or
// "infinity"), "type" and "significant". What is left at its default is left out.
func (c Child) Term() any {
	spec := map[string]any{"id": c.ID, "start": c.Start.term()}
	put(spec, "restart", string(c.Restart))
	put(spec, "type", string(c.Type))
	put(spec, "significant", c.Significant)
	switch c.Shutdown {
	case 0:
	case BrutalKill:
		spec["shutdown"] = brutalKill
	default:
		spec["shutdown"] = wnode.TimeoutTerm(c.Shutdown)
	}
	return spec
}

func (s Start) term() map[string]any {
	start := map[string]any{}
	put(start, "func", s.Func)
	put(start, "function", s.Function)
	put(start, "node", s.Node)
	put(start, "overflow", string(s.Overflow))
	if len(s.Args) > 0 {
		start["args"] = s.Args
	}
	if s.Name != (wnode.Address{}) {
		start["name"] = s.Name.Term()
	}
	if s.Limits != (wnode.Limits{}) {
		start["limits"] = s.Limits.Term()
	}
	if len(s.Deny) > 0 {
		start["deny"] = s.Deny
	}
	if s.Folders != nil {
		start["folders"] = s.Folders
	}
	if s.Priority != 0 {
		start["priority"] = s.Priority.String()
	}
	return start
}

func put[T comparable](m map[string]any, key string, value T) {
	var zero T
	if value != zero {
		m[key] = value
	}
}

// ParseChild reads the form of [Child.Term]. The error has the exit reason ["start_spec", [what, value]].
func ParseChild(t any) (Child, error) {
	m, ok := t.(map[any]any)
	if !ok {
		return Child{}, badSpec("no map", t)
	}
	var c Child
	for key, value := range m {
		if err := c.set(key, value); err != nil {
			return Child{}, err
		}
	}
	return c, nil
}

func (c *Child) set(key, value any) (err error) {
	ok := true
	switch key {
	case "id":
		c.ID, ok = value.(string)
	case "start":
		c.Start, err = parseStart(value)
	case "restart":
		c.Restart, ok = textAs[Restart](value)
	case "type":
		c.Type, ok = textAs[Type](value)
	case "significant":
		c.Significant, ok = value.(bool)
	case "shutdown":
		c.Shutdown, ok = parseShutdown(value)
	default:
		ok = false
	}
	if !ok {
		return badSpec("spec", key)
	}
	return err
}

func textAs[T ~string](t any) (T, bool) {
	text, ok := t.(string)
	return T(text), ok
}

// parseShutdown reads a shutdown time. Zero milliseconds are the shortest time that there is: the zero
// of [Child].Shutdown is the default.
func parseShutdown(t any) (time.Duration, bool) {
	switch v := t.(type) {
	case int64:
		const longest = int64(wnode.Infinity / time.Millisecond)
		return max(time.Duration(v)*time.Millisecond, 1), v >= 0 && v < longest
	case string:
		switch v {
		case brutalKill:
			return BrutalKill, true
		case infinity:
			return wnode.Infinity, true
		}
	}
	return 0, false
}

func parseStart(t any) (s Start, err error) {
	m, ok := t.(map[any]any)
	if !ok {
		return s, badSpec("start", t)
	}
	for key, value := range m {
		switch key {
		case "func":
			s.Func, ok = value.(string)
		case "function":
			s.Function, ok = value.(abi.Function)
		case "args":
			s.Args, ok = value.([]any)
		case "node":
			s.Node, ok = value.(string)
		case "name":
			s.Name, ok = wnode.ParseName(value)
		case "limits":
			s.Limits, ok = wnode.ParseLimits(value)
		case "deny":
			s.Deny, ok = textsAs[wnode.Permission](value)
		case "folders":
			s.Folders, ok = textsAs[string](value)
		case "overflow":
			s.Overflow, ok = textAs[wnode.Overflow](value)
		case "priority":
			s.Priority, ok = parsePriority(value)
		default:
			ok = false
		}
		if !ok {
			return s, badSpec("start", key)
		}
	}
	return s, nil
}

func parsePriority(t any) (wnode.Priority, bool) {
	name, ok := t.(string)
	priority, err := abi.ParsePriority(name)
	return priority, ok && err == nil
}

// textsAs reads an array of texts. One without any is empty and not nil.
func textsAs[T ~string](t any) (texts []T, ok bool) {
	list, ok := t.([]any)
	texts = make([]T, len(list))
	for i, element := range list {
		var isText bool
		if texts[i], isText = textAs[T](element); !isText {
			return nil, false
		}
	}
	return texts, ok
}
