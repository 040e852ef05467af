package wnode

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/vm"
	"github.com/wnode/wnode/vm/guest"
	wio "github.com/wnode/wnode/vm/io"
)

// RewriteModule gives a module as nodes run it, with what was done to each function in its Explained. The error says
// in one line why it is refused. That a module is rewritten does not mean that it is valid: [InspectModule] tells.
func RewriteModule(module []byte) (*Rewritten, error) { return guest.Rewrite(module) }

// inspectCloseTimeout bounds how long what [InspectModule] starts takes to stop.
const inspectCloseTimeout = 10 * time.Second

// InspectModule tells what there is to know of a module before it is shipped: what it needs, where processes can
// start, and whether they are started from an image. It takes neither a node nor a network: it compiles the module,
// and initialises it in a process that may do nothing but compute, and not for long. timeout bounds that; 0 is ten
// seconds. The error says in one line why this is no module. A module may use what nodes allow only with an option: it
// is among the features of the report.
func InspectModule(ctx context.Context, module []byte, timeout time.Duration) (_ *ModuleReport, err error) {
	engine, err := guest.NewEngine(guest.Options{Modules: noModules{}, Threads: true})
	if err != nil {
		return nil, err
	}
	sys := vm.New(vm.Options{Node: abi.NewNodeID()})
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), inspectCloseTimeout)
		defer cancel()
		err = errors.Join(err, sys.Close(ctx), engine.Close(ctx))
	}()
	silence, err := wio.Start(sys, wio.Options{Device: wio.NewStream(wio.StreamOptions{Output: io.Discard})})
	if err != nil {
		return nil, err
	}
	return engine.Inspect(ctx, guest.Inspection{Module: module, System: sys, Leader: silence.Pid(), Timeout: timeout})
}

// noModules is a store without modules: the one that is inspected is given by hand.
type noModules struct{}

func (noModules) Module(context.Context, abi.Hash, abi.NodeID) ([]byte, error) {
	return nil, abi.ErrNoModule
}
func (noModules) Put([]byte) (abi.Hash, error) { return abi.Hash{}, abi.ErrDenied }
func (noModules) Has(abi.Hash) bool            { return false }
