package archtest

// module is the path of this module.
const module = "github.com/wnode/wnode"

// room is a folder with all below it that no other room claims, and what of this module it may import.
type room struct {
	path   string   // from the module's root; "" is the root package
	may    []string // rooms, with what is below them
	reason string
}

// rooms is the star: leaves never import each other, the root package wires them.
var rooms = []room{
	{"", []string{"abi", "cookie", "net", "registry", "vm"}, "the root assembles a node; programs are built on it, not under it"},
	{"abi", []string{"abi"}, "guests and every part of the node share abi, so it stands on nothing"},
	{"cookie", []string{"cookie"}, "the handshake is judged on its own, away from what it protects"},
	{"registry", []string{"abi", "registry"}, "names are a pure state machine that simulations drive"},
	{"vm", []string{"abi", "internal/processors", "internal/stepwise"}, "processes know neither wasm nor network: both come as interfaces"},
	{"vm/guest", []string{"abi", "internal/processors", "vm", "vm/module"}, "a guest is one kind of body for a process, and knows no network"},
	{"vm/io", []string{"abi", "vm"}, "I/O servers are processes like any other"},
	{"vm/module", []string{"abi"}, "a module is bytes; what runs it stands above it"},
	{"net", []string{"abi"}, "a part of the network that has no room of its own may know nothing but identities"},
	{"net/cluster", []string{"abi", "net/wire"}, "membership decides; links are given to it"},
	{"net/link", []string{"abi", "net/wire", "cookie", "internal/processors"}, "a link carries signals and knows nobody who sends them"},
	{"net/names", []string{"abi"}, "the port lookup must work before there is a link"},
	{"net/ship", []string{"abi", "net/wire", "internal/processors"}, "modules travel over any stream"},
	{"net/wire", []string{"abi", "internal/stepwise"}, "frames are bytes in, values out"},
	{"guest-sdk", []string{"abi"}, "a guest has the ABI and nothing of the node"},
	{"examples", []string{"abi", "guest-sdk"}, "examples show what a user of the SDK writes"},
	{"cmd", []string{"", "abi", "cmd", "examples", "internal/kernels", "internal/processors"}, "the program is a user of the embedding API; the demo shows an example, the bench runs kernels, and the processors are the program's"},
	{"tests", []string{"", "abi", "tests"}, "end-to-end tests use what users use"},
	{"tests/guests", []string{"abi", "guest-sdk"}, "guests of tests are written as users write theirs"},
	{"internal", []string{"internal"}, "helpers of tests stand on their own"},
	{"internal/processors", nil, "how many processors there are is no part's own affair"},
	{"internal/kernels", nil, "what is measured with is data"},
	{"internal/stepwise", nil, "every part of the node copies large messages, all in the same way"},
	{"internal/wasmtest", []string{"abi", "vm/module"}, "modules for tests need the binary format and the host functions, and nothing that runs them"},
	{"internal/randmodule", []string{"vm/module"}, "random modules need the binary format"},
	{"bench", []string{"", "abi", "bench"}, "benchmarks measure what users use"},
}

// monopoly says which rooms alone may import a dependency.
type monopoly struct {
	dependency string // the start of an import path
	rooms      []string
	reason     string
}

var monopolies = []monopoly{
	{"github.com/tetratelabs/wazero", []string{"vm/guest", "vm/module"}, "another wasm engine must cost no more than these rooms"},
	{"github.com/quic-go/quic-go", []string{"net/link"}, "another transport must cost no more than this room"},
	{"github.com/fxamacker/cbor", []string{"abi/term"}, "there is one codec for terms, with one set of rules"},
	{"github.com/gtank/ristretto255", []string{"cookie"}, "cryptography is in one place, where it is reviewed"},
	{"github.com/klauspost/compress", []string{"net/ship"}, "what decompresses a peer's bytes has its limits in one place"},
	{"github.com/dop251/goja", []string{"cmd/wnode"}, "the shell's language is no concern of a node"},
	{"github.com/ergochat/readline", []string{"cmd/wnode"}, "a node has no terminal"},
	{"github.com/spf13/cobra", []string{"cmd/wnode"}, "a node has no command line"},
	{"golang.org/x/term", []string{"cmd/wnode"}, "a node has no terminal"},
}

// ban forbids a room an import, in itself or through whatever it imports.
type ban struct {
	room       string
	dependency string
	reason     string
}

var bans = []ban{
	{"abi", "net", "guests are built from it"},
	{"abi", "os/exec", "guests are built from it"},
	{"vm", "net", "processes must run without a network"},
	{"vm/io", "net", "processes must run without a network"},
	{"vm/module", "net", "modules are loaded without a network"},
	{"registry", "net", "a state machine does no I/O"},
	{"net/wire", "net", "a codec does no I/O"},
}

// pure rooms start no goroutine: whoever drives them owns the time and the order of events.
var pure = []string{"abi", "registry", "net/wire", "cookie"}
