package guest

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/vm"
	"github.com/wnode/wnode/vm/module/rewrite"
)

// What a module chose itself, and says of itself in an exit reason or a log, is bounded.
const (
	maxFrames      = 32
	maxNameBytes   = 255
	maxErrorBytes  = 1024
	maxDetailLines = 128
	maxDetailBytes = 8 << 10 // of what a guest says of its crash
)

const traceHeader = "wasm stack trace:\n\t"

// frameLine matches one line of the runtime's stack trace, "module.function(i32,i64) f32". The name
// may have parentheses itself.
var frameLine = func() *regexp.Regexp {
	const one = `(?:i32|i64|f32|f64|v128|funcref|externref)`
	const many = one + `(?:,` + one + `)*`
	return regexp.MustCompile(`^(.*?)\((|` + many + `)\)(?: ` + one + `| \(` + many + `\))?$`)
}()

// offsetLine matches the line behind a frame of a module that has DWARF, "\t0x1f: w:1": the offset in
// the content of the code section.
var offsetLine = regexp.MustCompile(`^\t0x([0-9a-f]{1,8}): `)

// traceFrame is a call that had not returned.
type traceFrame struct {
	module, function string
	arity            int
	types            string // of parameters and results
	offset           uint32 // of the instruction in the module; 0: not known
	file             string // "": not known
	line             int
}

// backtrace reads the stack trace in the text of a trap as frames (W-04), innermost first, and as lines for
// people. A frame is [module, function, arity, position], and position has as many as are known of
// ["file", text], ["line", number] and ["offset", number], which counts from the beginning of the module.
func (g *guest) backtrace(err error) (terms []any, detail string) {
	frames := parseTrace(err.Error(), moduleName(g.fn), g.code)
	frames = g.withLines(frames)
	terms = make([]any, 0, len(frames))
	lines := make([]string, 0, len(frames))
	for i := range frames {
		terms, lines = append(terms, frames[i].term()), append(lines, frames[i].text())
	}
	return terms, strings.Join(lines, "\n")
}

// parseTrace finds the frames in a stack trace, innermost first. The guest's own functions are those of module,
// and the code's name is what the runtime calls it.
func parseTrace(text, module string, code *code) (frames []traceFrame) {
	_, trace, found := strings.Cut(text, traceHeader)
	if !found {
		return nil
	}
	mine := false // whether an offset would belong to the last of the frames
	for line := range strings.SplitSeq(trace, "\n\t") {
		if match := offsetLine.FindStringSubmatch(line); match != nil && mine {
			now, _ := strconv.ParseUint(match[1], 16, 32)
			frames[len(frames)-1].offset, _ = code.offsets.Original(uint32(now))
		}
		match := frameLine.FindStringSubmatch(line)
		if match == nil {
			continue
		}
		if len(frames) == maxFrames {
			break
		}
		var from, function string
		if from, function, mine = frameName(match[1], module, code.inner, code.layout); mine {
			types := printable(line[len(match[1]):], maxErrorBytes)
			frames = append(frames, traceFrame{module: from, function: function, arity: arity(match[2]), types: types})
		}
	}
	return frames
}

func (f *traceFrame) term() []any {
	position := []any{}
	if f.file != "" {
		position = append(position, []any{"file", f.file}, []any{"line", f.line})
	}
	if f.offset != 0 {
		position = append(position, []any{"offset", f.offset})
	}
	return []any{f.module, f.function, f.arity, position}
}

func (f *traceFrame) text() string {
	text := "in " + f.module + ": " + f.function + f.types
	if f.file != "" {
		text += fmt.Sprintf(" (%s:%d)", f.file, f.line)
	}
	return text
}

// frameName splits "module.function". The module is that of a host function, or else the guest's own.
// It reports false for functions that only metering has put there.
func frameName(name, module, inner string, layout rewrite.Layout) (from, function string, ok bool) {
	if strings.HasPrefix(name, rewrite.ImportModule+".") && inner != rewrite.ImportModule {
		return "", "", false
	}
	for _, host := range []string{abi.ImportModule, wasi_snapshot_preview1.ModuleName} {
		if rest, ok := strings.CutPrefix(name, host+"."); ok && inner != host {
			return host, printable(rest, maxNameBytes), true
		}
	}
	function = strings.TrimPrefix(name, inner+".")
	if index, ok := strings.CutPrefix(function, "$"); ok {
		if now, err := strconv.ParseUint(index, 10, 32); err == nil { // the name section has none
			if wait, ok := layout.Wait(uint32(now)); ok {
				return wait.Module, wait.Name, true
			}
			original, ok := layout.Original(uint32(now))
			if !ok {
				return "", "", false
			}
			function = fmt.Sprintf("func[%d]", original)
		}
	}
	return printable(module, maxNameBytes), printable(demangle(function), maxNameBytes), true
}

func arity(params string) int {
	if params == "" {
		return 0
	}
	return strings.Count(params, ",") + 1
}

// printable makes one line of what a module says of itself: bounded, UTF-8, and nothing that a
// terminal takes for a command.
func printable(s string, limit int) string {
	if len(s) > limit {
		for limit > 0 && !utf8.RuneStart(s[limit]) {
			limit--
		}
		s = s[:limit]
	}
	return vm.OneLine(s)
}

// printableLines is [printable] for each of the lines of s.
func printableLines(s string) string {
	lines := strings.SplitN(s, "\n", maxDetailLines+1)
	lines = lines[:min(len(lines), maxDetailLines)]
	for i, line := range lines {
		lines[i] = printable(line, maxErrorBytes)
	}
	return strings.Join(lines, "\n")
}
