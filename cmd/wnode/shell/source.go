package shell

import (
	"errors"
	"fmt"
	"strings"

	"github.com/dop251/goja"
	"github.com/dop251/goja/ast"
	"github.com/dop251/goja/file"
	"github.com/dop251/goja/parser"
	"github.com/dop251/goja/token"
)

// MaxSourceBytes bounds one input: the parser recurses, and its work grows faster than its input.
const MaxSourceBytes = 128 << 10

// The parser's words for an input that stops too early.
const (
	messageEnd     = "Unexpected end of input"
	messageNoCatch = "Missing catch or finally after try"
)

// Incomplete reports whether source is the beginning of an input, and more lines could make it
// whole: an open brace, parenthesis, template or comment.
func Incomplete(source string) bool {
	if len(source) > MaxSourceBytes {
		return false
	}
	err := check(source)
	if err == nil {
		// The parser takes the end of the input for the end of a switch.
		return strings.Contains(source, "switch") && check(source+"\n}") == nil
	}
	switch firstMessage(err) {
	case messageEnd:
		return true
	case messageNoCatch:
		return check(source+"\nfinally {}") == nil
	}
	return startsWithBrace(source) && firstMessage(check("("+source)) == messageEnd // an object literal
}

func startsWithBrace(source string) bool { return strings.HasPrefix(strings.TrimSpace(source), "{") }

func check(source string) error {
	_, err := parse("", source)
	return err
}

// parse does without source maps: a comment in the input must not make the node open files.
func parse(name, source string) (*ast.Program, error) {
	return parser.ParseFile(nil, name, source, 0, parser.WithDisableSourceMaps)
}

func firstMessage(err error) string {
	var list parser.ErrorList
	if errors.As(err, &list) && len(list) > 0 {
		return list[0].Message
	}
	return ""
}

// syntaxError is a mistake that was found before anything ran.
type syntaxError struct {
	message  string
	position file.Position
}

func (e *syntaxError) Error() string { return e.message }

// compile parses an input as a script, with two changes that suit a prompt. What is declared at its
// top level with let, const or class is a variable of the session, which later inputs see and may
// declare again. And an input that is an object literal is one, though JavaScript would take its
// brace for that of a block.
func compile(name, source string) (*goja.Program, error) {
	if len(source) > MaxSourceBytes {
		return nil, &syntaxError{message: fmt.Sprintf("input of %d bytes, at most %d", len(source), MaxSourceBytes)}
	}
	program := parseObject(name, source)
	if program == nil {
		var err error
		if program, err = parse(name, source); err != nil {
			return nil, toSyntaxError(err)
		}
	}
	if err := shareDeclarations(program); err != nil {
		return nil, err
	}
	compiled, err := goja.CompileAST(program, false)
	if err != nil {
		return nil, toSyntaxError(err)
	}
	return compiled, nil
}

// parseObject parses an input that is an object literal, nil when it is none.
func parseObject(name, source string) *ast.Program {
	if !startsWithBrace(source) {
		return nil
	}
	program, err := parse(name, "("+source+"\n)")
	if err != nil || len(program.Body) != 1 {
		return nil
	}
	return program
}

func toSyntaxError(err error) error {
	var list parser.ErrorList
	if errors.As(err, &list) && len(list) > 0 {
		return &syntaxError{message: list[0].Message, position: list[0].Position}
	}
	var compiler *goja.CompilerSyntaxError
	if errors.As(err, &compiler) {
		e := &syntaxError{message: compiler.Message}
		if compiler.File != nil {
			e.position = compiler.File.Position(compiler.Offset)
		}
		return e
	}
	return &syntaxError{message: err.Error()}
}

// shareDeclarations turns the let, const and class declarations at the top level into var.
func shareDeclarations(program *ast.Program) error {
	for i, statement := range program.Body {
		var v *ast.VariableStatement
		switch s := statement.(type) {
		case *ast.LexicalDeclaration:
			v = &ast.VariableStatement{Var: s.Idx, List: s.List}
			for _, b := range s.List {
				if b.Initializer == nil && s.Token == token.CONST {
					return &syntaxError{message: "Missing initializer in const declaration", position: program.File.Position(int(s.Idx) - 1)}
				}
				if b.Initializer == nil {
					b.Initializer = undefinedAt(s.Idx) // as let does; var would keep the old value
				}
			}
		case *ast.ClassDeclaration:
			v = &ast.VariableStatement{Var: s.Class.Class, List: []*ast.Binding{{Target: s.Class.Name, Initializer: s.Class}}}
		default:
			continue
		}
		program.Body[i] = v
		program.DeclarationList = append(program.DeclarationList, &ast.VariableDeclaration{Var: v.Var, List: v.List})
	}
	return nil
}

// undefinedAt is the expression `void 0`.
func undefinedAt(idx file.Idx) ast.Expression {
	return &ast.UnaryExpression{
		Operator: token.VOID, Idx: idx,
		Operand: &ast.NumberLiteral{Idx: idx, Literal: "0", Value: int64(0)},
	}
}
