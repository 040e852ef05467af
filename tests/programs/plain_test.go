package programs

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
	"github.com/tetratelabs/wazero/sys"
)

// plain gives what comes of a program that nobody has rewritten, in wazero with its own WASI, and how long that took
// once it was compiled.
func plain(t testing.TB, p program, cache string) (outcome, time.Duration) {
	t.Helper()
	ctx := t.Context()
	code, err := os.ReadFile(p.module)
	if err != nil {
		t.Fatal(err)
	}
	compiled, err := wazero.NewCompilationCacheWithDir(cache)
	if err != nil {
		t.Fatal(err)
	}
	runtime := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfig().WithCompilationCache(compiled))
	defer func() {
		_ = errors.Join(runtime.Close(context.WithoutCancel(ctx)), compiled.Close(context.WithoutCancel(ctx)))
	}()
	wasi_snapshot_preview1.MustInstantiate(ctx, runtime)
	module, err := runtime.CompileModule(ctx, code)
	if err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	if err := standIn(ctx, runtime, module, &stdout); err != nil {
		t.Fatal(err)
	}
	dir := p.folder(t)
	config := wazero.NewModuleConfig().WithArgs(append([]string{filepath.Base(p.module)}, p.args...)...).
		WithStdin(strings.NewReader(p.stdin)).WithStdout(&stdout).WithStderr(&stderr).WithRandSource(rand.Reader).
		WithSysWalltime().WithSysNanotime().WithStartFunctions("_initialize", "_start")
	if dir != "" {
		config = config.WithFSConfig(wazero.NewFSConfig().WithDirMount(dir, "/data"))
	}
	for _, variable := range p.env {
		name, value, _ := strings.Cut(variable, "=")
		config = config.WithEnv(name, value)
	}
	start := time.Now()
	_, err = runtime.InstantiateModule(ctx, module, config)
	took := time.Since(start)
	exit := new(sys.ExitError)
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("plain wazero: %v\n%s", err, &stderr)
	}
	return outcome{int(exit.ExitCode()), stdout.String(), stderr.String(), readFiles(t, dir)}, took
}

// nodeName is the name of the node.
const nodeName = "programs@127.0.0.1"

// self is the number of the process that the functions of wnode that are stood in for say they belong to.
const self = 42

// standIns are what a program gets from plain wazero for functions of wnode, each given its parameters.
var standIns = map[string]func(memory api.Memory, stdout *bytes.Buffer, stack []uint64) bool{
	"node_name": func(memory api.Memory, _ *bytes.Buffer, stack []uint64) bool {
		at, room := uint32(stack[0]), uint32(stack[1])
		stack[0] = uint64(len(nodeName))
		return memory.WriteString(at, nodeName[:min(len(nodeName), int(room))])
	},
	"self": func(memory api.Memory, _ *bytes.Buffer, stack []uint64) bool {
		at := uint32(stack[0])
		stack[0] = 0
		return memory.WriteUint64Le(at, 1) && memory.WriteUint64Le(at+8, self)
	},
	"io_write": func(memory api.Memory, stdout *bytes.Buffer, stack []uint64) bool {
		text, ok := memory.Read(uint32(stack[2]), uint32(stack[3]))
		stdout.Write(text)
		stack[0] = 0
		return ok
	},
}

// standIn makes what a module imports from wnode. What it calls must be among the stand-ins.
func standIn(ctx context.Context, runtime wazero.Runtime, module wazero.CompiledModule, stdout *bytes.Buffer) error {
	builder, imports := runtime.NewHostModuleBuilder("wnode"), 0
	for _, f := range module.ImportedFunctions() {
		from, name, _ := f.Import()
		if from != "wnode" {
			continue
		}
		imports++
		builder.NewFunctionBuilder().WithGoModuleFunction(api.GoModuleFunc(func(_ context.Context, m api.Module, stack []uint64) {
			if do, ok := standIns[name]; !ok || !do(m.Memory(), stdout, stack) {
				panic("nothing stands in for " + name)
			}
		}), f.ParamTypes(), f.ResultTypes()).Export(name)
	}
	if imports == 0 {
		return nil
	}
	_, err := builder.Instantiate(ctx)
	return err
}
