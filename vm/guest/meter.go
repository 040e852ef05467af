package guest

import (
	"context"
	"fmt"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/wnode/wnode/vm/module/rewrite"
)

// addMeter makes the module that rewritten modules import from. The checks of imports do not know
// of it, so that nobody else can.
func addMeter(ctx context.Context, r wazero.Runtime) error {
	_, err := r.NewHostModuleBuilder(rewrite.ImportModule).
		NewFunctionBuilder().
		WithGoFunction(api.GoFunc(yield), []api.ValueType{api.ValueTypeI32}, []api.ValueType{api.ValueTypeI32}).
		Export(rewrite.Yield).
		NewFunctionBuilder().
		WithGoFunction(api.GoFunc(stackOverflow), nil, nil).
		Export(rewrite.StackOverflow).
		NewFunctionBuilder().
		WithGoFunction(api.GoFunc(tableTrap), []api.ValueType{api.ValueTypeI32}, nil).
		Export(rewrite.TableTrap).
		NewFunctionBuilder().
		WithGoFunction(api.GoFunc(where), nil, nil).
		Export(rewrite.Where).
		Instantiate(ctx)
	if err != nil {
		return fmt.Errorf("metering functions: %w", err)
	}
	return nil
}

// yield is called by a guest that has used its budget up. It lets others run when the guest's turn is
// over, and gives a new budget unless the process has been told to end.
func yield(ctx context.Context, stack []uint64) {
	g := ctx.(*guest)
	used := int64(g.pace.budget()) - int64(api.DecodeI32(stack[0]))
	g.process.AddReductions(uint64(used))
	if g.process.Asked() {
		g.process.AnswerStack()
	}
	priority := g.process.Priority()
	budget := g.pace.next(used, time.Now(), priority)
	g.endIfTold()
	if g.pace.over(priority) {
		g.process.Yield()
		g.endIfTold()
	}
	g.pace.began = time.Now()
	stack[0] = api.EncodeI32(budget)
}

// workPerCheck is after how many calls of the host a guest's turn is looked at, which its reductions do not show when
// it is the host that works. One that hands over data counts for as many as it has units of workBytes.
const (
	workPerCheck = 64
	workBytes    = 1 << 10
)

// checkTurn lets others run when the turn has been too long.
func (g *guest) checkTurn() {
	g.work = 0
	g.process.Check(sliceTime * time.Duration(turns[g.process.Priority()].slices))
}

// stackOverflow is called by a guest that has used its stack up, or the part that it had.
func stackOverflow(ctx context.Context, _ []uint64) {
	if !ctx.(*guest).deepen() {
		panic(&trap{trapStackOverflow})
	}
}

// tableTrap is called by a guest that calls through a table what is not there.
func tableTrap(_ context.Context, stack []uint64) {
	if api.DecodeU32(stack[0]) == rewrite.TrapOtherType {
		panic(&trap{traps["indirect call type mismatch"]})
	}
	panic(&trap{traps["invalid table access"]})
}

// settle accounts for what a guest has used of its last budget.
func (g *guest) settle() { g.process.AddReductions(inspector{g}.Uncounted()) }
