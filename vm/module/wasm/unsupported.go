package wasm

import "fmt"

// FeatureError says that a module uses a feature of WebAssembly that it may not use.
type FeatureError struct {
	// Feature is what people call it, in the plural.
	Feature string
	// What is the instruction, or the part of the module, that shows it.
	What string
	// Function is the index of the function where the instruction is, -1 where it is none, and Name what the name
	// section calls it, "" when it does not.
	Function int
	Name     string
	// Hint says what to do about it.
	Hint string
}

// Error gives it in one line.
func (e *FeatureError) Error() string {
	where := ""
	if e.Function >= 0 {
		where = fmt.Sprintf(" in function %d", e.Function)
	}
	if e.Name != "" {
		where += fmt.Sprintf(" %q", e.Name)
	}
	return fmt.Sprintf("the module uses %s (%s%s); %s", e.Feature, e.What, where, e.Hint)
}

// Features that no module may use.
const (
	Exceptions      = "exceptions"
	TypedReferences = "typed function references"
	Collected       = "garbage-collected types"
	RelaxedVectors  = "relaxed vector instructions"
	LongMemories    = "64-bit memories"
	Threads         = "threads"
)

// hints say what to do about features that no module may use.
var hints = map[string]string{
	Exceptions:      "build it without them: the engine does not run them correctly and safely",
	TypedReferences: "build it without them",
	Collected:       "build it for linear memory",
	RelaxedVectors:  "build it without them",
	LongMemories:    "build it for wasm32",
	Threads:         "build it with a memory that is its own: processes share none",
}

func unsupported(feature, what string) *FeatureError {
	return &FeatureError{Feature: feature, What: what, Function: -1, Hint: hints[feature]}
}

// strange are instructions that are known, and that no module may use.
var strange = map[byte]*FeatureError{
	0x06: unsupported(Exceptions, "try"),
	0x07: unsupported(Exceptions, "catch"),
	0x08: unsupported(Exceptions, "throw"),
	0x09: unsupported(Exceptions, "rethrow"),
	0x0a: unsupported(Exceptions, "throw_ref"),
	0x14: unsupported(TypedReferences, "call_ref"),
	0x15: unsupported(TypedReferences, "return_call_ref"),
	0x18: unsupported(Exceptions, "delegate"),
	0x19: unsupported(Exceptions, "catch_all"),
	0x1f: unsupported(Exceptions, "try_table"),
	0xd3: unsupported(Collected, "ref.eq"),
	0xd4: unsupported(TypedReferences, "ref.as_non_null"),
	0xd5: unsupported(TypedReferences, "br_on_null"),
	0xd6: unsupported(TypedReferences, "br_on_non_null"),
	0xfb: unsupported(Collected, "an instruction with the prefix 0xfb"),
}

// Value types and forms of types that are known, and that no module may use.
var strangeTypes = map[byte]*FeatureError{
	0x69: unsupported(Exceptions, "exnref"),
	0x64: unsupported(TypedReferences, "a reference type"),
	0x63: unsupported(TypedReferences, "a reference type"),
	0x6e: unsupported(Collected, "anyref"),
	0x6d: unsupported(Collected, "eqref"),
	0x6c: unsupported(Collected, "i31ref"),
	0x6b: unsupported(Collected, "structref"),
	0x6a: unsupported(Collected, "arrayref"),
	0x5f: unsupported(Collected, "a struct type"),
	0x5e: unsupported(Collected, "an array type"),
	0x50: unsupported(Collected, "a subtype"),
	0x4f: unsupported(Collected, "a subtype"),
	0x4e: unsupported(Collected, "recursive types"),
}

// Parts of the binary format that only exceptions have.
const (
	sectionTag = 13
	kindTag    = 4
)

// Bits of the first byte of limits.
const (
	limitsMax    = 1 << 0
	limitsShared = 1 << 1
	limitsLong   = 1 << 2
)

// refuse ends reading because of a feature.
func (r *reader) refuse(e *FeatureError) {
	if r.err == nil {
		r.err = e
	}
	r.pos = len(r.b)
}

// failAt ends reading because of a byte: of a feature, if it is one, or else with the given words.
func (r *reader) failAt(features map[byte]*FeatureError, b byte, what string) {
	if e := features[b]; e != nil {
		r.refuse(e)
		return
	}
	r.fail(what)
}

// uses notes the first feature that shows in the form of a module, and lets reading go on.
func (r *reader) uses(e *FeatureError) {
	if r.used == nil {
		r.used = e
	}
}

// locate finds the first function that shows a feature by an instruction, and names it. A feature that shows
// in no function stays as it is.
func (m *Module) locate(e *FeatureError) *FeatureError {
	var in Instr
	for i := range m.Codes {
		walk := Walk(m.Codes[i].Body)
		for walk.Next(&in) {
		}
		if found, ok := walk.Err().(*FeatureError); ok && found.Feature == e.Feature {
			return m.In(found, i)
		}
	}
	return e
}

// In says of an error that it is about a function that the module defines, by its place in [Module.Codes].
func (m *Module) In(e *FeatureError, code int) *FeatureError {
	at := *e
	at.Function = m.Imported(KindFunc) + code
	for i := range m.Customs {
		if c := &m.Customs[i]; c.Name == NameSection {
			at.Name = ReadNames(c.Content).Functions[uint32(at.Function)]
		}
	}
	return &at
}
