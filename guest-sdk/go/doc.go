// Package wnode lets a Go program that is compiled to WebAssembly be a process of a wnode node: it
// has a pid, a mailbox and a group leader, sends terms to processes of any node, registers names,
// spawns, links, monitors and sets timers.
//
//	GOOS=wasip1 GOARCH=wasm go build -o echo.wasm .
//
//	func main() {
//		if err := wnode.Register("echo", wnode.Self()); err != nil {
//			log.Fatal(err)
//		}
//		for {
//			message, err := wnode.ReceiveMessage(wnode.Infinity)
//			if err == nil {
//				err = wnode.Send(message.From, message.Term)
//			}
//			...
//		}
//	}
//
// Terms are the Go values that package abi/term lists; integers arrive as int64 and arrays as []any.
// What a call refuses is an [abi.Errno], so errors.Is(err, abi.ErrNoName) works here as it does on
// the node.
//
// A process starts at main. [Func] registers functions that processes of their own can run, and
// [Main] runs what a process was started for. [Call] asks a server; packages server and supervisor
// have the rest of what the BEAM's gen_server and supervisor do. With -buildmode=c-shared a module is
// started at any function that it exports with go:wasmexport and that has no parameters;
// [SpawnOptions] names one by its Export.
//
// A guest has one thread: while a call of this package waits, no goroutine of the guest runs. Calls
// that read a message belong to one goroutine, since a process has one mailbox.
//
// The calls exist for GOOS=wasip1 only.
package wnode
