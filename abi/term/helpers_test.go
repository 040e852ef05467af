package term_test

import (
	"encoding/hex"
	"fmt"
	"math/big"
	"sort"
	"strings"
	"testing"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
)

// dump names the type of everything in t beside its value, so that two terms which print alike but
// differ in type have different dumps. It fails the test on a value that is no term.
func dump(t testing.TB, v any) string {
	t.Helper()
	switch v := v.(type) {
	case nil:
		return "nil"
	case bool, int64, float64:
		return fmt.Sprintf("%T %v", v, v)
	case *big.Int:
		return "*big.Int " + v.String()
	case string:
		return fmt.Sprintf("string %q", v)
	case []byte:
		return fmt.Sprintf("[]byte %x", v)
	case term.ByteString:
		return fmt.Sprintf("ByteString %x", string(v))
	case term.SimpleValue:
		return fmt.Sprintf("SimpleValue %d", v)
	case term.Tag:
		return fmt.Sprintf("Tag %d(%s)", v.Number, dump(t, v.Content))
	case abi.Pid, abi.Ref, abi.Function:
		return fmt.Sprintf("%T %+v", v, fmt.Sprintf("%#v", v))
	case []any:
		parts := make([]string, len(v))
		for i, e := range v {
			parts[i] = dump(t, e)
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case map[any]any:
		parts := make([]string, 0, len(v))
		for k, e := range v {
			parts = append(parts, dump(t, k)+": "+dump(t, e))
		}
		sort.Strings(parts)
		return "{" + strings.Join(parts, ", ") + "}"
	default:
		t.Fatalf("%T is no type of a term", v)
		return ""
	}
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}
