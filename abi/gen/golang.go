package main

import (
	"bytes"
	"fmt"
	"go/format"
	"strings"

	"github.com/wnode/wnode/abi"
)

func goFile() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "// %s\n\npackage wnode\n\nimport \"unsafe\"\n", notice)
	for _, f := range abi.Functions {
		name := "host" + camel(f.Name, true)
		b.WriteByte('\n')
		b.WriteString(wrap("//", name+": "+f.Doc, 120))
		var params []string
		for _, v := range values(f) {
			params = append(params, camel(v.name, false)+" "+goType(v))
		}
		result := map[abi.ResultKind]string{abi.ResultStatus: " int32", abi.ResultTime: " int64"}[f.Result]
		fmt.Fprintf(&b, "//\n//go:wasmimport %s %s\n//go:noescape\nfunc %s(%s)%s\n",
			abi.ImportModule, f.Name, name, strings.Join(params, ", "), result)
	}
	text, err := format.Source(b.Bytes())
	if err != nil {
		panic(err) // the tables are constants, and a test renders them
	}
	return text
}

func goType(v value) string {
	switch v.role {
	case number32:
		return "int32"
	case number64:
		return "int64"
	case idHalf:
		return "uint64"
	case length, capacity:
		return "uint32"
	default:
		return "unsafe.Pointer"
	}
}
