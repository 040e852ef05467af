package shell

import (
	"fmt"
	"reflect"
	"weak"

	"github.com/dop251/goja"

	"github.com/wnode/wnode/abi"
)

// handle is what a JavaScript object holds that stands for a pid, a ref, a function, or a term
// that JavaScript has nothing for. It has no exported fields or methods: the runtime would show them.
type handle struct {
	term any
}

var handleType = reflect.TypeFor[*handle]()

// handleOf gives the term that a value stands for, and false for all other values.
func handleOf(v goja.Value) (any, bool) {
	o, ok := v.(*goja.Object)
	if !ok || o.ExportType() != handleType {
		return nil, false
	}
	h, ok := o.Export().(*handle)
	if !ok {
		return nil, false
	}
	return h.term, true
}

// minSweep is how many interned objects there are before the first look for dead ones.
const minSweep = 1024

// handles makes the objects, one for equal terms as long as anything refers to it, so that === compares them.
type handles struct {
	rt       *goja.Runtime
	print    func(any) string
	proto    *goja.Object
	pidProto *goja.Object
	interned map[any]weak.Pointer[goja.Object]
	sweepAt  int
}

func newHandles(rt *goja.Runtime, print func(any) string, node Cluster) handles {
	h := handles{rt: rt, print: print, interned: map[any]weak.Pointer[goja.Object]{}, sweepAt: minSweep}
	h.proto = h.newProto()
	h.pidProto = h.newProto()
	h.method(h.pidProto, "node", func(this any, _ goja.FunctionCall) goja.Value {
		pid, ok := this.(abi.Pid)
		if !ok {
			return goja.Undefined()
		}
		name, ok := node.NodeName(pid.Node)
		if !ok {
			return goja.Undefined()
		}
		return rt.ToValue(name)
	})
	return h
}

func (h *handles) newProto() *goja.Object {
	proto := h.rt.NewObject()
	text := func(this any, _ goja.FunctionCall) goja.Value { return h.rt.ToValue(h.print(this)) }
	h.method(proto, "toString", text)
	h.method(proto, "toJSON", text)
	h.method(proto, "equals", func(this any, call goja.FunctionCall) goja.Value {
		other, ok := handleOf(call.Argument(0))
		return h.rt.ToValue(ok && reflect.DeepEqual(this, other))
	})
	return proto
}

func (h *handles) method(proto *goja.Object, name string, f func(this any, call goja.FunctionCall) goja.Value) {
	native := func(call goja.FunctionCall) goja.Value {
		this, ok := handleOf(call.This)
		if !ok {
			panic(h.rt.NewTypeError("%s is not a pid, a ref or a function", fmt.Sprint(call.This)))
		}
		return f(this, call)
	}
	// Only a proxy or a frozen object refuses a property, and proto is neither.
	_ = proto.DefineDataProperty(name, h.rt.ToValue(native), goja.FLAG_TRUE, goja.FLAG_TRUE, goja.FLAG_FALSE)
}

// object gives the object of a term.
func (h *handles) object(term any) *goja.Object {
	proto := h.proto
	switch term.(type) {
	case abi.Pid:
		proto = h.pidProto
	case abi.Ref, abi.Function:
	default:
		return h.newObject(term, proto) // maybe not comparable, and equals serves
	}
	if known, ok := h.interned[term]; ok {
		if o := known.Value(); o != nil {
			return o
		}
	}
	o := h.newObject(term, proto)
	h.interned[term] = weak.Make(o)
	h.sweep()
	return o
}

func (h *handles) newObject(term any, proto *goja.Object) *goja.Object {
	o := h.rt.ToValue(&handle{term}).ToObject(h.rt)
	_ = o.SetPrototype(proto) // a new object is extensible
	return o
}

// sweep forgets the objects that nothing refers to, each time that their number has doubled.
func (h *handles) sweep() {
	if len(h.interned) < h.sweepAt {
		return
	}
	for term, known := range h.interned {
		if known.Value() == nil {
			delete(h.interned, term)
		}
	}
	h.sweepAt = max(minSweep, 2*len(h.interned))
}

// nodeAt finds the node with number n among those of the pids that are in use.
func (h *handles) nodeAt(n int, node Cluster) (abi.NodeID, bool) {
	for term := range h.interned {
		if pid, ok := term.(abi.Pid); ok && node.Index(pid.Node) == n {
			return pid.Node, true
		}
	}
	return 0, false
}
