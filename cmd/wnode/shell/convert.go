package shell

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/dop251/goja"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
)

// maxElements bounds the values in one term: more do not fit into a message.
const maxElements = 4 << 20

// maxSafeInteger is the largest integer that a JavaScript number tells from its neighbours.
const maxSafeInteger = 1<<53 - 1

// typeError is an error that JavaScript sees as a TypeError.
type typeError string

func (e typeError) Error() string { return string(e) }

func typeErrorf(format string, args ...any) error { return typeError(fmt.Sprintf(format, args...)) }

// toTerm gives the term that a value stands for. The error is a typeError. Getters of the value run.
func (e *Evaluator) toTerm(v goja.Value) (any, error) {
	c := converter{e: e, left: maxElements}
	return c.value(v)
}

// encode is toTerm, encoded.
func (e *Evaluator) encode(v goja.Value) ([]byte, error) {
	t, err := e.toTerm(v)
	if err != nil {
		return nil, err
	}
	return term.Encode(t)
}

// converter walks through one value.
type converter struct {
	e     *Evaluator
	stack []*goja.Object // around the current value
	left  int            // elements that may still come
}

func (c *converter) value(v goja.Value) (any, error) {
	if c.left--; c.left < 0 {
		return nil, typeErrorf("a term of more than %d elements", maxElements)
	}
	switch {
	case v == nil, goja.IsUndefined(v), goja.IsNull(v):
		return nil, nil
	}
	switch v := v.(type) {
	case *goja.Object:
		return c.object(v)
	case *goja.Symbol:
		return nil, typeErrorf("a symbol is no term")
	}
	switch x := v.Export().(type) {
	case bool:
		return x, nil
	case string:
		return strings.ToValidUTF8(v.String(), "\ufffd"), nil
	case int64:
		return number(float64(x)), nil
	case float64:
		return number(x), nil
	case *big.Int:
		return bigInteger(x)
	}
	return nil, typeErrorf("%s is no term", v.String())
}

// number gives the integer that f is, if it is one and JavaScript can tell it from its neighbours.
func number(f float64) any {
	if f == math.Trunc(f) && math.Abs(f) <= maxSafeInteger && !(f == 0 && math.Signbit(f)) {
		return int64(f)
	}
	return f
}

func bigInteger(i *big.Int) (any, error) {
	if i.IsInt64() {
		return i.Int64(), nil
	}
	if i.BitLen() > 8*term.MaxBigIntBytes {
		return nil, typeErrorf("an integer of more than %d bytes", term.MaxBigIntBytes)
	}
	return new(big.Int).Set(i), nil
}

func (c *converter) object(o *goja.Object) (any, error) {
	if t, ok := handleOf(o); ok {
		return t, nil
	}
	if b, ok := bytesOf(o); ok {
		return b, nil
	}
	if slices.Contains(c.stack, o) {
		return nil, typeErrorf("a value that contains itself is no term")
	}
	if len(c.stack) >= term.MaxDepth {
		return nil, typeErrorf("a term nested deeper than %d", term.MaxDepth)
	}
	c.stack = append(c.stack, o)
	defer func() { c.stack = c.stack[:len(c.stack)-1] }()
	switch c.e.kind(o) {
	case kindArray, kindTypedArray:
		return c.array(o)
	case kindSet:
		return c.set(c.e.std.entries(c.e.std.setForEach, o))
	case kindMap:
		return c.entries(c.e.std.entries(c.e.std.mapForEach, o))
	case kindFunction:
		return nil, typeErrorf("a JavaScript function cannot leave the shell: only wasm functions can, see help(wasm)")
	case kindObject:
		if proto := o.Prototype(); proto == nil || proto == c.e.std.objectProto {
			return c.plain(o)
		}
	}
	return nil, typeErrorf("%s is no term: of the objects only arrays, plain objects, Map, Set and Uint8Array are", c.e.constructorName(o))
}

func (c *converter) array(o *goja.Object) (any, error) {
	n := o.Get("length").ToInteger()
	if n < 0 || n > int64(c.left) {
		return nil, typeErrorf("a term of more than %d elements", maxElements)
	}
	list := make([]any, n)
	for i := range list {
		t, err := c.value(o.Get(strconv.Itoa(i)))
		if err != nil {
			return nil, err
		}
		list[i] = t
	}
	return list, nil
}

func (c *converter) plain(o *goja.Object) (any, error) {
	m := map[any]any{}
	for _, key := range o.Keys() {
		t, err := c.value(o.Get(key))
		if err != nil {
			return nil, err
		}
		m[strings.ToValidUTF8(key, "\ufffd")] = t
	}
	return m, nil
}

func (c *converter) set(entries []entry) (any, error) {
	list := make([]any, len(entries))
	for i, e := range entries {
		t, err := c.value(e.value)
		if err != nil {
			return nil, err
		}
		list[i] = t
	}
	return list, nil
}

// entries takes what a Map has.
func (c *converter) entries(entries []entry) (any, error) {
	m := map[any]any{}
	for _, e := range entries {
		key, err := c.key(e.key)
		if err != nil {
			return nil, err
		}
		if _, taken := m[key]; taken {
			return nil, typeErrorf("a map that has a key twice is no term")
		}
		if m[key], err = c.value(e.value); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (c *converter) key(v goja.Value) (any, error) {
	t, err := c.value(v)
	if err != nil {
		return nil, err
	}
	switch t := t.(type) {
	case []byte:
		return term.ByteString(t), nil
	case float64:
		if math.IsNaN(t) {
			return nil, typeErrorf("NaN cannot be the key of a map in a term")
		}
	case []any, map[any]any, *big.Int, term.Tag:
		return nil, typeErrorf("an array, a map, a tag or a big integer cannot be the key of a map in a term")
	}
	return t, nil
}

// bytesOf gives a copy of the contents of a Uint8Array or an ArrayBuffer.
func bytesOf(o *goja.Object) ([]byte, bool) {
	switch o.ExportType() {
	case reflect.TypeFor[[]byte]():
		b, ok := o.Export().([]byte)
		return append([]byte{}, b...), ok
	case reflect.TypeFor[goja.ArrayBuffer]():
		buffer, ok := o.Export().(goja.ArrayBuffer)
		if !ok || buffer.Detached() {
			return []byte{}, ok
		}
		return append([]byte{}, buffer.Bytes()...), true
	}
	return nil, false
}

// decode gives the value of an encoded term; what is none comes as the bytes that it is.
func (e *Evaluator) decode(message []byte) goja.Value {
	t, err := term.Decode(message)
	if err != nil {
		return e.fromTerm(message)
	}
	return e.fromTerm(t)
}

// fromTerm gives the value of a term.
func (e *Evaluator) fromTerm(t any) goja.Value {
	switch t := t.(type) {
	case nil:
		return goja.Null()
	case int64:
		if t > maxSafeInteger || t < -maxSafeInteger {
			return e.rt.ToValue(big.NewInt(t))
		}
		return e.rt.ToValue(t)
	case bool, float64, string, *big.Int:
		return e.rt.ToValue(t)
	case []byte:
		return e.std.newBytes(t)
	case term.ByteString:
		return e.std.newBytes([]byte(t))
	case []any:
		list := make([]any, len(t))
		for i, element := range t {
			list[i] = e.fromTerm(element)
		}
		return e.rt.NewArray(list...)
	case map[any]any:
		return e.fromMap(t)
	default:
		return e.handles.object(t)
	}
}

// fromMap gives an object when every key is a text, else a Map. The order is that of the printed keys.
func (e *Evaluator) fromMap(m map[any]any) goja.Value {
	keys := make([]any, 0, len(m))
	texts := true
	for k := range m {
		keys = append(keys, k)
		_, isText := k.(string)
		texts = texts && isText
	}
	slices.SortFunc(keys, func(a, b any) int { return strings.Compare(e.printTerm(a), e.printTerm(b)) })
	if !texts {
		entries := make([]any, len(keys))
		for i, k := range keys {
			entries[i] = e.rt.NewArray(e.fromTerm(k), e.fromTerm(m[k]))
		}
		return e.std.newMap(entries)
	}
	o := e.rt.NewObject()
	for _, k := range keys {
		// Not Set: a key named __proto__ is a key like any other.
		_ = o.DefineDataProperty(k.(string), e.fromTerm(m[k]), goja.FLAG_TRUE, goja.FLAG_TRUE, goja.FLAG_TRUE)
	}
	return o
}

// printTerm prints a term with this node's view of pids.
func (e *Evaluator) printTerm(t any) string { return term.Format(t, e.node.Index) }

var errNotPid = errors.New("not a pid")

// toPid takes a pid out of a value.
func toPid(v goja.Value) (abi.Pid, error) {
	t, ok := handleOf(v)
	if pid, isPid := t.(abi.Pid); ok && isPid {
		return pid, nil
	}
	return abi.Pid{}, errNotPid
}
