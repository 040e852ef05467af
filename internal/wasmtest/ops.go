package wasmtest

import (
	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/vm/module/wasm"
)

// EmptyBlock is the type of a block without parameters and results, as a byte of code.
const EmptyBlock = 0x40

// Op gives one or more instructions, for the module that they are to be a part of.
type Op func(*Module) []byte

// Instructions that need no more words.
var (
	Unreachable = Raw(0x00)
	Drop        = Raw(0x1a)
	I32Load     = Raw(0x28, 2, 0)
	I64Load     = Raw(0x29, 3, 0)
	I32Store    = Raw(0x36, 2, 0)
	I64Store    = Raw(0x37, 3, 0)
	Forever     = Loop()
)

// Raw is code as bytes.
func Raw(b ...byte) Op { return func(*Module) []byte { return b } }

// Seq does one after the other.
func Seq(ops ...Op) Op {
	return func(m *Module) (b []byte) {
		for _, op := range ops {
			b = append(b, op(m)...)
		}
		return b
	}
}

// I32 pushes a number, of which the low 32 bits count.
func I32(v int64) Op {
	return Raw(wasm.AppendSigned([]byte{byte(wasm.OpI32Const)}, int64(int32(v)))...)
}

// I64 pushes a number.
func I64(v int64) Op { return Raw(wasm.AppendSigned([]byte{byte(wasm.OpI64Const)}, v)...) }

// Pid pushes a pid, or a ref, as its two numbers.
func Pid(p abi.Pid) Op { return Seq(I64(int64(p.Node)), I64(int64(p.Num))) }

// PidAt pushes the pid, or the ref, in memory at an address.
func PidAt(address int64) Op { return Seq(I32(address), I64Load, I32(address+8), I64Load) }

// Region pushes the address and the length of a text that Write put into the memory.
func Region(address int64, s string) Op { return Seq(I32(address), I32(int64(len(s)))) }

// Call calls a function of the module by its name, or a host function: "wnode.self", "wasi.fd_write".
func Call(name string, args ...Op) Op { return call(wasm.OpCall, name, args) }

// TailCall is Call as the last thing that a function does.
func TailCall(name string, args ...Op) Op { return call(wasm.OpReturnCall, name, args) }

func call(op wasm.Op, name string, args []Op) Op {
	return func(m *Module) []byte {
		return wasm.AppendU32(append(Seq(args...)(m), byte(op)), m.index(name))
	}
}

// Do calls a function whose result does not matter.
func Do(name string, args ...Op) Op { return Seq(Call(name, args...), Drop) }

// Loop does something without end.
func Loop(body ...Op) Op {
	return Seq(Raw(byte(wasm.OpLoop), EmptyBlock), Seq(body...), Raw(byte(wasm.OpBr), 0, byte(wasm.OpEnd)))
}

// Scratch is the address in memory where Report puts numbers: 4 bytes that are to be left alone.
const Scratch = 60000

// Tell sends bytes of the memory to a process.
func Tell(to abi.Pid, address, length int64) Op {
	return Do("wnode.send", Pid(to), I32(address), I32(length))
}

// Report sends the i32 that value pushes to a process, in 4 bytes, the lowest first.
func Report(to abi.Pid, value Op) Op {
	return Seq(I32(Scratch), value, I32Store, Tell(to, Scratch, 4))
}
