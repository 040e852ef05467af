package randmodule_test

import (
	"bytes"
	"testing"

	"github.com/tetratelabs/wazero"

	"github.com/wnode/wnode/internal/randmodule"
	"github.com/wnode/wnode/vm/module/rewrite"
)

// Any bytes are a valid module, and the same bytes the same module.
func TestNew(t *testing.T) {
	config := wazero.NewRuntimeConfigInterpreter().WithCoreFeatures(rewrite.CoreFeatures)
	runtime := wazero.NewRuntimeWithConfig(t.Context(), config)
	defer runtime.Close(t.Context())
	for fill := range 256 {
		for _, length := range []int{0, 1, 20, 300} {
			b := bytes.Repeat([]byte{byte(fill), byte(fill * 7), byte(fill * 31)}, length)
			m, again := randmodule.New(b, nil), randmodule.New(b, nil)
			module := m.Encode()
			if !bytes.Equal(module, again.Encode()) {
				t.Fatalf("%d, %d: another module", fill, length)
			}
			compiled, err := runtime.CompileModule(t.Context(), module)
			if err != nil {
				t.Fatalf("%d, %d: %v", fill, length, err)
			}
			if err := compiled.Close(t.Context()); err != nil {
				t.Error(err)
			}
		}
	}
}
