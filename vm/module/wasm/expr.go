package wasm

// Expr is a constant expression.
type Expr struct {
	Op    Op     // the last instruction, which gives the value
	Index uint32 // of global.get and ref.func, when that is all of it
	Code  []byte // the instructions, without the end
}

// FuncExpr gives the reference to a function as an expression.
func FuncExpr(index uint32) Expr {
	return Expr{Op: OpRefFunc, Index: index, Code: AppendU32([]byte{byte(OpRefFunc)}, index)}
}

// I32 gives the value of an expression of the type i32. It reports false for one of another type, and for one that
// takes more than the expression to know: a global, which is imported.
func (e *Expr) I32() (value int32, ok bool) {
	var stack []int32
	ok = true
	e.each(func(in *Instr) {
		switch in.Op {
		case OpI32Const:
			stack = append(stack, in.Value)
		case OpI32Add, OpI32Sub, OpI32Mul:
			top := len(stack) - 1
			if top < 1 {
				ok = false
				return
			}
			stack[top-1] = calculate(in.Op, stack[top-1], stack[top])
			stack = stack[:top]
		default:
			ok = false
		}
	})
	if !ok || len(stack) != 1 {
		return 0, false
	}
	return stack[0], true
}

// calculate does what an instruction does, modulo 2^32.
func calculate(op Op, a, b int32) int32 {
	switch op {
	case OpI32Add:
		return a + b
	case OpI32Sub:
		return a - b
	default:
		return a * b
	}
}

// Extended reports whether it takes the proposal for extended constant expressions: there is more than one instruction.
func (e *Expr) Extended() bool {
	n := 0
	e.each(func(*Instr) { n++ })
	return n > 1
}

// each gives the instructions, which have been decoded before.
func (e *Expr) each(yield func(in *Instr)) {
	walk := Walk(e.Code)
	var in Instr
	for walk.Next(&in) {
		yield(&in)
	}
}

// expr reads a constant expression and its end.
func (r *reader) expr() (e Expr) {
	w := Instructions{reader{b: r.b, pos: r.pos, err: r.err}}
	var in Instr
	for n := 0; w.Next(&in); n++ {
		switch {
		case in.Op == OpEnd && n > 0:
			e.Code = r.b[r.pos:in.Start:in.Start]
			r.pos = in.End
			return e
		case !constant(in.Op) || n > 0 && !(extending(in.Op) && extending(e.Op)):
			r.fail("not a constant expression")
			return Expr{}
		}
		e.Op, e.Index = in.Op, in.Index
	}
	if err := w.Err(); err != nil && r.err == nil {
		r.err, r.pos = err, len(r.b)
	}
	r.fail("constant expression without end")
	return Expr{}
}

// constant reports whether an instruction can be in a constant expression.
func constant(op Op) bool {
	switch op {
	case OpF32Const, OpF64Const, OpV128Const, OpRefNull, OpRefFunc:
		return true
	}
	return extending(op)
}

// extending reports whether an instruction can be in a constant expression of several.
func extending(op Op) bool {
	switch op {
	case OpI32Const, OpI64Const, OpGlobalGet, OpI32Add, OpI32Sub, OpI32Mul, OpI64Add, OpI64Sub, OpI64Mul:
		return true
	}
	return false
}
