package wasm

import "slices"

// Features of WebAssembly beyond its first version, as [Module.Features] names them.
const (
	FeatureAtomics        = "atomics"
	FeatureBulkMemory     = "bulk-memory"
	FeatureExtendedConst  = "extended-const"
	FeatureMultiValue     = "multi-value"
	FeatureMutableGlobals = "mutable-globals" // imported or exported ones
	FeatureReferenceTypes = "reference-types"
	FeatureSaturating     = "nontrapping-fptoint"
	FeatureSIMD           = "simd128"
	FeatureSignExtension  = "sign-ext"
	FeatureTailCall       = "tail-call"
)

// features of instructions: those with the numbers from first to last behind a prefix, 0 for none.
var features = []struct {
	prefix      Op
	first, last byte
	name        string
}{
	{0, 0x12, 0x13, FeatureTailCall},
	{0, 0x1c, 0x1c, FeatureReferenceTypes}, // select with a type
	{0, 0x25, 0x26, FeatureReferenceTypes}, // table.get, table.set
	{0, 0xc0, 0xc4, FeatureSignExtension},
	{0, 0xd0, 0xd2, FeatureReferenceTypes},
	{prefixMisc, 0x00, 0x07, FeatureSaturating},
	{prefixMisc, 0x08, 0x0e, FeatureBulkMemory},
	{prefixMisc, 0x0f, 0x11, FeatureReferenceTypes}, // table.grow, table.size, table.fill
	{prefixVector, 0x00, 0xff, FeatureSIMD},
	{prefixAtomic, 0x00, 0xff, FeatureAtomics},
}

// Features lists the features beyond the first version of WebAssembly that the module uses, sorted. They are the
// names that compilers have for them. The error wraps [ErrMalformed].
func (m *Module) Features() ([]string, error) {
	used := map[string]bool{}
	m.declaredFeatures(used)
	var in Instr
	for i := range m.Codes {
		walk := Walk(m.Codes[i].Body)
		for walk.Next(&in) {
			if in.Op > OpCallIndirect && (in.Op < OpLocalGet || in.Op > 0x24) { // others are of the first version
				noteFeature(in.Op, used)
			}
			if blockHasType(&in) {
				used[FeatureMultiValue] = true
			}
		}
		if err := walk.Err(); err != nil {
			return nil, err
		}
	}
	names := make([]string, 0, len(used))
	for name := range used {
		names = append(names, name)
	}
	slices.Sort(names)
	return names, nil
}

func noteFeature(op Op, used map[string]bool) {
	for i := range features {
		if f := &features[i]; op>>8 == f.prefix && byte(op) >= f.first && byte(op) <= f.last {
			used[f.name] = true
			return
		}
	}
}

// blockHasType reports whether the instruction is a block with a type of its own: parameters, or several results.
func blockHasType(in *Instr) bool {
	return in.Type >= 0 && (in.Op == OpBlock || in.Op == OpLoop || in.Op == OpIf)
}

// declaredFeatures notes the features that show outside of code.
func (m *Module) declaredFeatures(used map[string]bool) {
	for i := range m.Types {
		t := &m.Types[i]
		if len(t.Results) > 1 {
			used[FeatureMultiValue] = true
		}
		for _, v := range slices.Concat(t.Params, t.Results) {
			noteType(v, used)
		}
	}
	for i := range m.Codes {
		for _, group := range m.Codes[i].Locals {
			noteType(group.Type, used)
		}
	}
	imported := 0
	for i := range m.Imports {
		if m.Imports[i].Kind == KindGlobal {
			imported++
			noteShared(m.Imports[i].Global, used)
		}
	}
	for i := range m.Globals {
		noteType(m.Globals[i].Type.Value, used)
	}
	for _, e := range m.Exports {
		if e.Kind == KindGlobal && int(e.Index) >= imported {
			noteShared(m.Globals[int(e.Index)-imported].Type, used)
		}
	}
	for i := range m.Tables {
		if i > 0 || m.Tables[i].Element == ExternRef {
			used[FeatureReferenceTypes] = true
		}
	}
	if m.DataCount != nil {
		used[FeatureBulkMemory] = true
	}
	m.constantFeatures(used)
}

// constantFeatures notes the features of constant expressions.
func (m *Module) constantFeatures(used map[string]bool) {
	note := func(e *Expr) {
		if e.Extended() {
			used[FeatureExtendedConst] = true
		}
	}
	for i := range m.Globals {
		note(&m.Globals[i].Init)
	}
	for i := range m.Elements {
		note(&m.Elements[i].Offset)
	}
	for i := range m.Data {
		note(&m.Data[i].Offset)
	}
}

// noteShared notes the feature that it takes for modules to share a global.
func noteShared(t GlobalType, used map[string]bool) {
	if t.Mutable {
		used[FeatureMutableGlobals] = true
	}
	noteType(t.Value, used)
}

func noteType(t ValueType, used map[string]bool) {
	switch {
	case t == V128:
		used[FeatureSIMD] = true
	case t.reference():
		used[FeatureReferenceTypes] = true
	}
}
