package guest

import (
	"errors"
	"runtime"
	"strings"

	"github.com/tetratelabs/wazero/sys"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/vm"
)

// Atoms of traps that the node itself raises, beside those of W-04.
const (
	trapOutOfBoundsMemory = "out_of_bounds_memory"
	trapBadArgument       = "badarg"
	trapStackOverflow     = "stack_overflow"
)

// traps gives the atoms of W-04 for the runtime's words. The runtime does not tell a call through
// an empty element of a table from one beyond its end; the first, a null function pointer, is what
// happens.
var traps = map[string]string{
	"unreachable":                   "unreachable",
	"integer divide by zero":        "integer_divide_by_zero",
	"integer overflow":              "integer_overflow",
	"invalid conversion to integer": "invalid_conversion",
	"out of bounds memory access":   trapOutOfBoundsMemory,
	"invalid table access":          "uninitialized_element",
	"indirect call type mismatch":   "indirect_call_type",
	"stack overflow":                trapStackOverflow,
	"unaligned atomic":              "unaligned_atomic",
	"expected shared memory":        "unshared_memory",
}

// trap is the panic of a host function that ends the guest with an error.
type trap struct{ atom string }

func (t *trap) Error() string { return t.atom }

// errEnded is the panic of a host function whose process has been told to end. The runtime lets
// this type through as it is and runs no more of the guest.
var errEnded = sys.NewExitError(sys.ExitCodeContextCanceled)

// exit gives the exit of a process from the error of a call into its guest.
func (g *guest) exit(err error) vm.Exit {
	var status *sys.ExitError
	switch {
	case g.exited != nil:
		return *g.exited
	case g.Err() != nil:
		return vm.Normal // the process ends for another reason already
	case errors.As(err, &status) && status.ExitCode() == 0:
		return vm.Normal
	case errors.As(err, &status):
		return vm.Exit{Reason: []any{abi.ReasonExitStatus, status.ExitCode()}}
	}
	if atom, ok := trapAtom(err); ok {
		stack, detail := g.backtrace(err)
		return vm.Exit{Reason: []any{atom, stack}, Crash: true, Detail: detail}
	}
	return vm.Exit{
		Reason: []any{"host_error", printable(rootCause(err).Error(), maxErrorBytes)}, Crash: true,
		Detail: printableLines(err.Error()),
	}
}

// instantiateFailed gives the exit of a process whose instance could not be made, or whose start
// function ended it.
func (g *guest) instantiateFailed(err error) vm.Exit {
	var status *sys.ExitError
	var defect runtime.Error
	_, trapped := trapAtom(err)
	switch {
	case g.exited != nil, g.Err() != nil, trapped, errors.As(err, &status), errors.As(err, &defect):
		return g.exit(err)
	case strings.HasSuffix(err.Error(), "out of bounds memory access"): // a data segment
		return vm.Exit{Reason: []any{trapOutOfBoundsMemory, []any{}}, Crash: true, Detail: printableLines(err.Error())}
	}
	text := err.Error()
	if strings.HasSuffix(text, "not instantiated") || strings.Contains(text, "is not exported in module") {
		text = "it imports a table or a global, and a node gives functions only: " + text
	}
	return codeError("link_error", text)
}

// trapAtom gives the atom of a trap; false when err is none.
func trapAtom(err error) (string, bool) {
	var own *trap
	if errors.As(err, &own) {
		return own.atom, true
	}
	atom, ok := traps[rootCause(err).Error()]
	return atom, ok
}

// rootCause gives the error that all others are wrapped around. The runtime's traps have no
// exported type: they are told apart by the text of this one, which no guest has a part in.
func rootCause(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}
