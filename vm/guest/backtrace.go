package guest

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"

	"github.com/wnode/wnode/abi"
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

// backtrace reads the stack trace in the text of a trap. The runtime gives no offsets.
func (g *guest) backtrace(err error) (frames []any, detail string) {
	return parseTrace(err.Error(), moduleName(g.fn), g.code.compiled.Name(), g.code.layout)
}

// parseTrace reads a stack trace as frames [module, function, arity, []], innermost first (W-04),
// and as lines for people. The guest's own functions are those of module; inner is what its name
// section calls it, and what the runtime therefore calls it too.
func parseTrace(text, module, inner string, layout rewrite.Layout) (frames []any, detail string) {
	frames = []any{}
	_, trace, found := strings.Cut(text, traceHeader)
	if !found {
		return frames, ""
	}
	var lines []string
	for line := range strings.SplitSeq(trace, "\n\t") {
		match := frameLine.FindStringSubmatch(line)
		if match == nil || len(frames) == maxFrames {
			continue
		}
		from, function, ok := frameName(match[1], module, inner, layout)
		if !ok {
			continue
		}
		frames = append(frames, []any{from, function, arity(match[2]), []any{}})
		lines = append(lines, "in "+from+": "+function+printable(line[len(match[1]):], maxErrorBytes))
	}
	return frames, strings.Join(lines, "\n")
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
			original, ok := layout.Original(uint32(now))
			if !ok {
				return "", "", false
			}
			function = fmt.Sprintf("func[%d]", original)
		}
	}
	return printable(module, maxNameBytes), printable(function, maxNameBytes), true
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
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsPrint(r):
			return r
		case unicode.IsSpace(r):
			return ' '
		}
		return utf8.RuneError
	}, s)
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
