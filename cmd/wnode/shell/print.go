package shell

import (
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/dop251/goja"

	"github.com/wnode/wnode/abi/term"
)

// How values are laid out and where printing stops.
const (
	printWidth    = 80
	printElements = 50       // of one array or object
	printDepth    = 20       // of nesting
	printBytes    = 64 << 10 // of everything
	maxPrintBytes = 2 << 20  // of everything, where no limit is wanted
	printIndent   = 2
)

// print gives a value as the shell shows it. Getters and proxies do not run.
func (e *Evaluator) print(v goja.Value) string { return e.printAtMost(v, printElements) }

// printAtMost is print with another limit on the elements of one array or object.
func (e *Evaluator) printAtMost(v goja.Value, elements int) (text string) {
	pr := printer{e: e, elements: int64(elements), left: printBytes}
	if elements > printElements {
		pr.left = maxPrintBytes
	}
	if err := e.try(func() { text = pr.value(v, 0) }); err != nil {
		return "[a value that cannot be printed]"
	}
	return text
}

// try runs f and returns what it throws, the runtime's own errors included.
func (e *Evaluator) try(f func()) (err error) {
	defer func() {
		switch x := recover().(type) {
		case nil:
		case *goja.InterruptedError:
			err = x
		case *goja.StackOverflowError:
			err = x
		default:
			panic(x)
		}
	}()
	if thrown := e.rt.Try(f); thrown != nil {
		return thrown
	}
	return nil
}

// printer prints one value.
type printer struct {
	e        *Evaluator
	elements int64          // of one array or object
	stack    []*goja.Object // around the current value
	left     int            // bytes that may still come
}

// value prints v, which begins at column indent if it takes more than one line.
func (pr *printer) value(v goja.Value, indent int) string {
	if pr.left <= 0 {
		return "..."
	}
	text := pr.primitive(v)
	if o, ok := v.(*goja.Object); ok {
		text = pr.object(o, indent)
	}
	pr.left -= len(text)
	return text
}

func (pr *printer) primitive(v goja.Value) string {
	switch {
	case v == nil:
		return "undefined"
	case goja.IsUndefined(v), goja.IsNull(v):
		return v.String()
	}
	switch v := v.(type) {
	case *goja.Object:
		return ""
	case *goja.Symbol:
		return "Symbol(" + v.String() + ")"
	case goja.String:
		return quote(v.String())
	}
	switch x := v.Export().(type) {
	case *big.Int:
		return x.String() + "n"
	case float64:
		return term.Format(x, nil)
	}
	return v.String()
}

func quote(s string) string { return term.Format(s, nil) }

func (pr *printer) object(o *goja.Object, indent int) string {
	if t, ok := handleOf(o); ok {
		return pr.e.printTerm(t)
	}
	if slices.Contains(pr.stack, o) {
		return "[Circular]"
	}
	kind := pr.e.kind(o)
	if len(pr.stack) >= printDepth && kind != kindFunction && kind != kindError && kind != kindOther {
		return "[...]"
	}
	pr.stack = append(pr.stack, o)
	defer func() { pr.stack = pr.stack[:len(pr.stack)-1] }()
	switch kind {
	case kindArray:
		return pr.array("", o, indent)
	case kindTypedArray:
		return pr.array(fmt.Sprintf("%s(%d) ", pr.e.constructorName(o), length(o)), o, indent)
	case kindSet:
		return pr.entries("Set", pr.e.std.entries(pr.e.std.setForEach, o), indent)
	case kindMap:
		return pr.entries("Map", pr.e.std.entries(pr.e.std.mapForEach, o), indent)
	case kindFunction:
		return pr.function(o)
	case kindError:
		return "[" + pr.e.describeError(o) + "]"
	case kindOther:
		return pr.other(o, indent)
	}
	return pr.plain(o, indent)
}

func length(o *goja.Object) int64 { return o.Get("length").ToInteger() }

func (pr *printer) array(prefix string, o *goja.Object, indent int) string {
	n := length(o)
	var items []string
	for i := range min(n, pr.elements) {
		v, isGetter, _ := pr.e.std.own(o, strconv.FormatInt(i, 10))
		items = append(items, pr.property(v, isGetter, indent+printIndent))
	}
	return prefix + layout("[", more(items, n), "]", indent)
}

func (pr *printer) property(v goja.Value, isGetter bool, indent int) string {
	if isGetter {
		return "[Getter]"
	}
	return pr.value(v, indent)
}

// more adds a note on what is left out of n elements.
func more(items []string, n int64) []string {
	if left := n - int64(len(items)); left > 0 {
		items = append(items, fmt.Sprintf("... %d more", left))
	}
	return items
}

func (pr *printer) entries(class string, entries []entry, indent int) string {
	var items []string
	for _, e := range entries[:min(int64(len(entries)), pr.elements)] {
		item := pr.value(e.value, indent+printIndent)
		if class == "Map" {
			item = pr.value(e.key, indent+printIndent) + " => " + item
		}
		items = append(items, item)
	}
	return class + " " + layout("{", more(items, int64(len(entries))), "}", indent)
}

func (pr *printer) plain(o *goja.Object, indent int) string {
	keys := o.Keys()
	var items []string
	for _, key := range keys[:min(int64(len(keys)), pr.elements)] {
		v, isGetter, _ := pr.e.std.own(o, key)
		items = append(items, bareKey(key)+": "+pr.property(v, isGetter, indent+printIndent))
	}
	prefix := ""
	if proto := o.Prototype(); proto != nil && proto != pr.e.std.objectProto {
		prefix = pr.e.constructorName(o) + " "
	}
	return prefix + layout("{", more(items, int64(len(keys))), "}", indent)
}

// bareKey leaves out the quotes of a key that is an identifier, as terms are printed too.
func bareKey(key string) string {
	text := term.Format(map[any]any{key: nil}, nil)
	return strings.TrimSuffix(strings.TrimPrefix(text, "{"), ": null}")
}

func (pr *printer) function(o *goja.Object) string {
	word := "Function:"
	if source, err := pr.e.std.source(o); err == nil && strings.HasPrefix(source.String(), "class") {
		word = "class"
	}
	name, ok := pr.e.std.lookup(o, "name").(goja.String)
	if !ok || name.String() == "" {
		return "[" + strings.TrimSuffix(word, ":") + " (anonymous)]"
	}
	return "[" + word + " " + name.String() + "]"
}

func (pr *printer) other(o *goja.Object, indent int) string {
	switch o.ClassName() {
	case "Date":
		if t, ok := o.Export().(time.Time); ok {
			return "Date " + t.UTC().Format("2006-01-02T15:04:05.000Z")
		}
		return "Date (invalid)"
	case "RegExp":
		return o.String()
	}
	switch x := o.Export().(type) {
	case *goja.Promise:
		switch x.State() {
		case goja.PromiseStateFulfilled:
			return "Promise {" + pr.value(x.Result(), indent) + "}"
		case goja.PromiseStateRejected:
			return "Promise {rejected: " + pr.value(x.Result(), indent) + "}"
		}
		return "Promise {pending}"
	case goja.Proxy:
		return "Proxy {}"
	case goja.ArrayBuffer:
		return fmt.Sprintf("ArrayBuffer(%d)", len(x.Bytes()))
	}
	return "[" + o.ClassName() + "]"
}

// layout puts items on one line if they fit, short ones side by side if they do not, else each on a line.
func layout(open string, items []string, shut string, indent int) string {
	line := open + strings.Join(items, ", ") + shut
	if indent+utf8.RuneCountInString(line) <= printWidth && !strings.Contains(line, "\n") {
		return line
	}
	margin := strings.Repeat(" ", indent+printIndent)
	var b strings.Builder
	b.WriteString(open)
	column := printWidth
	for i, item := range items {
		if i < len(items)-1 {
			item += ","
		}
		width := utf8.RuneCountInString(item)
		if short := width <= printWidth/5 && !strings.Contains(item, ": "); short && column+1+width <= printWidth {
			b.WriteString(" " + item)
			column += 1 + width
			continue
		}
		b.WriteString("\n" + margin + item)
		column = len(margin) + width
		if strings.Contains(item, "\n") || width > printWidth/5 {
			column = printWidth
		}
	}
	b.WriteString("\n" + strings.Repeat(" ", indent) + shut)
	return b.String()
}
