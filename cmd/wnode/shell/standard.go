package shell

import (
	"reflect"
	"strings"

	"github.com/dop251/goja"
)

// kind is what the shell tells objects apart by.
type kind int

const (
	kindObject kind = iota
	kindArray
	kindTypedArray
	kindMap
	kindSet
	kindFunction
	kindError
	kindOther // Date, RegExp, Promise, Proxy and the like
)

// The class names of the runtime that matter here.
const (
	classArray = "Array"
	classError = "Error"
)

// standard are parts of the standard library, kept from the start: what a user makes of the
// globals later does not change how the shell works.
type standard struct {
	rt              *goja.Runtime
	objectProto     *goja.Object
	bytes, mapClass *goja.Object
	errorClass      *goja.Object
	mapForEach      goja.Callable
	setForEach      goja.Callable
	describe        goja.Callable // Object.getOwnPropertyDescriptor
	source          goja.Callable // Function.prototype.toString
}

func captureStandard(rt *goja.Runtime) standard {
	global := rt.GlobalObject()
	class := func(name string) *goja.Object { return global.Get(name).ToObject(rt) }
	method := func(o *goja.Object, name string) goja.Callable {
		f, _ := goja.AssertFunction(o.Get(name)) // the runtime has them all
		return f
	}
	return standard{
		rt:          rt,
		objectProto: class("Object").Get("prototype").ToObject(rt),
		bytes:       class("Uint8Array"),
		mapClass:    class("Map"),
		errorClass:  class(classError),
		mapForEach:  method(class("Map").Get("prototype").ToObject(rt), "forEach"),
		setForEach:  method(class("Set").Get("prototype").ToObject(rt), "forEach"),
		describe:    method(class("Object"), "getOwnPropertyDescriptor"),
		source:      method(class("Function").Get("prototype").ToObject(rt), "toString"),
	}
}

// must passes a JavaScript exception on, to the JavaScript code that called or to [goja.Runtime.Try].
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// entry is a key of a Map with its value, or twice the same element of a Set.
type entry struct{ key, value goja.Value }

// entries lists what is in a Map or a Set.
func (s *standard) entries(forEach goja.Callable, o *goja.Object) []entry {
	var list []entry
	must(forEach(o, s.rt.ToValue(func(call goja.FunctionCall) goja.Value {
		list = append(list, entry{key: call.Argument(1), value: call.Argument(0)})
		return goja.Undefined()
	})))
	return list
}

func (s *standard) newBytes(b []byte) goja.Value {
	return must(s.rt.New(s.bytes, s.rt.ToValue(s.rt.NewArrayBuffer(append([]byte{}, b...)))))
}

func (s *standard) newMap(entries []any) goja.Value {
	return must(s.rt.New(s.mapClass, s.rt.NewArray(entries...)))
}

func (s *standard) newError(message string) *goja.Object {
	return must(s.rt.New(s.errorClass, s.rt.ToValue(message)))
}

// own gives an object's own property without running a getter: a getter is reported as such.
func (s *standard) own(o *goja.Object, name string) (v goja.Value, isGetter, ok bool) {
	if isProxy(o) {
		return nil, false, false
	}
	d, isObject := must(s.describe(goja.Undefined(), o, s.rt.ToValue(name))).(*goja.Object)
	if !isObject {
		return nil, false, false
	}
	if v := d.Get("value"); v != nil {
		return v, false, true
	}
	return goja.Undefined(), true, true
}

// lookup gives a property of an object or of its prototypes, nil for a getter or nothing.
func (s *standard) lookup(o *goja.Object, name string) goja.Value {
	for ; o != nil && !isProxy(o); o = o.Prototype() {
		if v, isGetter, ok := s.own(o, name); ok {
			if isGetter {
				return nil
			}
			return v
		}
	}
	return nil
}

func isProxy(o *goja.Object) bool { return o.ExportType() == reflect.TypeFor[goja.Proxy]() }

// kind tells what an object is. No code of the user's runs.
func (e *Evaluator) kind(o *goja.Object) kind {
	switch o.ClassName() {
	case classArray:
		return kindArray
	case classError:
		return kindError
	case "Function":
		return kindFunction
	case "Date", "RegExp":
		return kindOther
	}
	switch t := o.ExportType(); {
	case t == reflect.TypeFor[[][2]any]():
		return kindMap
	case t == reflect.TypeFor[[]any]():
		return kindSet
	case t == reflect.TypeFor[map[string]any]():
		return kindObject
	case t != nil && t.Kind() == reflect.Slice:
		return kindTypedArray
	}
	return kindOther
}

// constructorName is the name of an object's class.
func (e *Evaluator) constructorName(o *goja.Object) string {
	if class, ok := e.std.lookup(o, "constructor").(*goja.Object); ok {
		if name, ok := e.std.lookup(class, "name").(goja.String); ok && name.String() != "" {
			return name.String()
		}
	}
	return o.ClassName()
}

// describeError gives an Error as `TypeError: message`. Getters do not run.
func (e *Evaluator) describeError(o *goja.Object) string {
	text := func(name string) string {
		if v := e.std.lookup(o, name); v != nil && !goja.IsUndefined(v) {
			if _, isObject := v.(*goja.Object); !isObject {
				return v.String()
			}
		}
		return ""
	}
	name, message := text("name"), text("message")
	if name == "" {
		name = classError
	}
	return strings.TrimSuffix(name+": "+message, ": ")
}
