package programs

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/wnode/wnode/abi/term"
)

// terms is a term with some of everything, as the codecs of the SDKs read it.
var terms = string(term.MustEncode([]any{nil, true, "grün", []byte{0, 255}, int64(-1 << 60), map[any]any{"k": []any{1, "two"}}}))

// The modules of all four languages do the same on a node as in plain wazero.
func TestLanguages(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		program
		code int
	}{
		"c hello":               {program{module: "examples/wasm/hello/hello.wasm"}, 0},
		"c filter":              {program{module: "examples/wasm/upcase/upcase.wasm", stdin: strings.Repeat("line\nß\x00", 5000)}, 0},
		"c filter, exit code":   {program{module: "examples/wasm/upcase/upcase.wasm", stdin: "x", args: []string{"7"}}, 7},
		"c without libc":        {program{module: "examples/wasm/whoami/whoami.wasm"}, 0},
		"c codec":               {program{module: "guest-sdk/testdata/codec_c.wasm", stdin: terms}, 0},
		"c codec, refused":      {program{module: "guest-sdk/testdata/codec_c.wasm", stdin: "\xff"}, 1},
		"rust codec":            {program{module: "guest-sdk/testdata/codec_rust.wasm", stdin: terms}, 0},
		"rust codec, refused":   {program{module: "guest-sdk/testdata/codec_rust.wasm", stdin: "\xff"}, 1},
		"assemblyscript hello":  {program{module: "examples/wasm/hello-as/hello-as.wasm", vary: regexp.MustCompile(`\d+\n$`)}, 0},
		"rust codec, arguments": {program{module: "guest-sdk/testdata/codec_rust.wasm", stdin: terms, args: []string{"--", "-x", ""}}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.module = filepath.Join(root, c.module)
			agree(t, c.program, c.code)
		})
	}
}

func agree(t *testing.T, p program, code int) outcome {
	t.Helper()
	got := mustAgree(t, p, guests.CacheHome())
	if got.code != code {
		t.Errorf("exit code %d, want %d", got.code, code)
	}
	return got
}
