package spec

import (
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
)

// throwing sets a local to 7, throws, catches, and gives the local.
var throwing = []byte("\x00asm\x01\x00\x00\x00" +
	"\x01\x08\x02\x60\x00\x01\x7f\x60\x00\x00" + // () -> (i32), () -> ()
	"\x03\x02\x01\x00" +
	"\x0d\x03\x01\x00\x01" + // a tag
	"\x07\x07\x01\x03run\x00\x00" +
	"\x0a\x17\x01\x15\x01\x01\x7f" + // with a local
	"\x02\x40\x1f\x40\x01\x02\x00" + // block, try_table (catch_all 0)
	"\x41\x07\x21\x00\x08\x00" + // local.set 0 (i32.const 7), throw 0
	"\x0b\x0b\x20\x00\x0b")

// Exceptions are refused because the compiler restores the locals of a function that catches to what they were when
// its try_table began. Where this fails, they can be looked at again (see RATIONALE.md).
func TestCompilerLosesLocalsInExceptions(t *testing.T) {
	features := api.CoreFeaturesV2 | experimental.CoreFeaturesExceptionHandling
	for want, config := range map[uint64]wazero.RuntimeConfig{
		7: wazero.NewRuntimeConfigInterpreter(),
		0: wazero.NewRuntimeConfigCompiler(),
	} {
		runtime := wazero.NewRuntimeWithConfig(t.Context(), config.WithCoreFeatures(features))
		defer runtime.Close(t.Context())
		instance, err := runtime.Instantiate(t.Context(), throwing)
		if err != nil {
			t.Fatal(err)
		}
		got, err := instance.ExportedFunction("run").Call(t.Context())
		if err != nil || got[0] != want {
			t.Errorf("%d, %v, want %d", got, err, want)
		}
	}
}
