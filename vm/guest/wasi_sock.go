package guest

import (
	"context"
	"encoding/binary"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
	experimentalsys "github.com/tetratelabs/wazero/experimental/sys"

	"github.com/wnode/wnode/vm/guest/hostnet"
)

// wasiErrno is an error number of WASI preview 1.
type wasiErrno uint32

// Error numbers of WASI preview 1 that the functions below give.
const (
	wasiSuccess         wasiErrno = 0
	wasiAgain           wasiErrno = 6
	wasiBadDescriptor   wasiErrno = 8
	wasiBadAddress      wasiErrno = 21
	wasiInvalid         wasiErrno = 28
	wasiErrorIO         wasiErrno = 29
	wasiNotSocket       wasiErrno = 57
	wasiNotSupported    wasiErrno = 58
	wasiNonblock                  = 1 << 2 // of the flags of a descriptor
	wasiPeek                      = 1 << 0 // of those of sock_recv
	wasiWaitAll                   = 1 << 1
	wasiShutRead                  = 1 << 0 // of those of sock_shutdown
	wasiShutWrite                 = 1 << 1
	wasiTypeSocket                = 6
	wasiBufferEntrySize           = 8 // address and length
)

// wasiFunction is a function of WASI preview 1 that the node has in place of the runtime's.
type wasiFunction struct {
	name   string
	params []api.ValueType
	call   func(*guest, *wasiCall) wasiErrno
}

const wasmI32 = api.ValueTypeI32

// ownWASI are those that wait, that concern sockets, or that tell what belongs to a process: the runtime's wait
// where nothing ends them, and are those of an instance.
var ownWASI = []wasiFunction{
	{"poll_oneoff", []api.ValueType{wasmI32, wasmI32, wasmI32, wasmI32}, (*guest).pollOneoff},
	{"sock_accept", []api.ValueType{wasmI32, wasmI32, wasmI32}, (*guest).sockAccept},
	{"sock_recv", []api.ValueType{wasmI32, wasmI32, wasmI32, wasmI32, wasmI32, wasmI32}, (*guest).sockRecv},
	{"sock_send", []api.ValueType{wasmI32, wasmI32, wasmI32, wasmI32, wasmI32}, (*guest).sockSend},
	{"sock_shutdown", []api.ValueType{wasmI32, wasmI32}, (*guest).sockShutdown},
	{"args_sizes_get", []api.ValueType{wasmI32, wasmI32}, (*guest).argsSizesGet},
	{"args_get", []api.ValueType{wasmI32, wasmI32}, (*guest).argsGet},
}

// exportOwnWASI puts them in place of the runtime's.
func exportOwnWASI(b wazero.HostModuleBuilder) {
	for _, f := range ownWASI {
		b.NewFunctionBuilder().WithGoModuleFunction(api.GoModuleFunc(func(ctx context.Context, mod api.Module, stack []uint64) {
			g := ctx.(*guest)
			memory := (&call{guest: g, module: mod}).memory()
			if memory == nil {
				stack[0] = uint64(wasiBadAddress)
				return
			}
			stack[0] = uint64(f.call(g, &wasiCall{module: mod, memory: memory, stack: stack}))
		}), f.params, []api.ValueType{wasmI32}).Export(f.name)
	}
}

// wasiCall is a call of one of them. Addresses and lengths are compared with the memory in 64 bits by
// the runtime.
type wasiCall struct {
	module api.Module
	memory api.Memory
	stack  []uint64
}

// addressSpace is what addresses reach, in bytes. A memory of that size has size 0 for the runtime.
const addressSpace = 1 << 32

func (c *wasiCall) u32(i int) uint32 { return api.DecodeU32(c.stack[i]) }

// file gives the file of the descriptor that is the first parameter.
func (c *wasiCall) file() (experimentalsys.File, bool) {
	return descriptorsOf(c.module).file(api.DecodeI32(c.stack[0]))
}

// conn gives the connection that the first parameter stands for.
func (c *wasiCall) conn() (*hostnet.Conn, wasiErrno) {
	file, open := c.file()
	if !open {
		return nil, wasiBadDescriptor
	}
	conn, ok := file.(*hostnet.Conn)
	if !ok {
		return nil, wasiNotSocket
	}
	return conn, wasiSuccess
}

// buffers calls each with the buffers of a list, until it says that it is enough. It gives the bytes
// that went through them.
func (c *wasiCall) buffers(list, count uint32, each func(buf []byte) (n int, enough bool, errno wasiErrno)) (total uint32, errno wasiErrno) {
	if uint64(count)*wasiBufferEntrySize >= addressSpace {
		return 0, wasiBadAddress
	}
	entries, ok := c.memory.Read(list, count*wasiBufferEntrySize)
	if !ok {
		return 0, wasiBadAddress
	}
	for ; len(entries) > 0; entries = entries[wasiBufferEntrySize:] {
		buf, ok := c.memory.Read(binary.LittleEndian.Uint32(entries), binary.LittleEndian.Uint32(entries[4:]))
		if !ok {
			return 0, wasiBadAddress
		}
		n, enough, errno := each(buf)
		total += uint32(n)
		if errno != wasiSuccess && total == 0 {
			return 0, errno
		}
		if enough || errno != wasiSuccess {
			break
		}
	}
	return total, wasiSuccess
}

// number gives the number of a file's error.
func (g *guest) number(errno experimentalsys.Errno) wasiErrno {
	switch errno {
	case 0:
		return wasiSuccess
	case experimentalsys.EAGAIN:
		return wasiAgain
	case experimentalsys.EBADF:
		return wasiBadDescriptor
	}
	if number := g.files.Errno(); number != 0 {
		return wasiErrno(number)
	}
	return wasiErrorIO
}

// sockAccept takes a listener, flags for the connection, and where its descriptor goes.
func (g *guest) sockAccept(c *wasiCall) wasiErrno {
	file, open := c.file()
	if !open {
		return wasiBadDescriptor
	}
	listener, ok := file.(*hostnet.Listener)
	if !ok {
		return wasiNotSocket
	}
	if _, ok := c.memory.Read(c.u32(2), 4); !ok {
		return wasiBadAddress
	}
	conn, errno := listener.Accept()
	if errno != 0 {
		return g.number(errno)
	}
	conn.SetNonblock(c.u32(1)&wasiNonblock != 0)
	descriptor, errno := descriptorsOf(c.module).add(conn)
	if errno != 0 {
		conn.Close()
		return g.number(errno)
	}
	c.memory.WriteUint32Le(c.u32(2), uint32(descriptor))
	return wasiSuccess
}

// sockRecv takes a connection, buffers, flags, and where the count and the flags of the result go.
func (g *guest) sockRecv(c *wasiCall) wasiErrno {
	conn, errno := c.conn()
	if errno != wasiSuccess {
		return errno
	}
	flags := c.u32(3)
	if flags&^(wasiPeek|wasiWaitAll) != 0 {
		return wasiNotSupported
	}
	received := false
	total, errno := c.buffers(c.u32(1), c.u32(2), func(buf []byte) (done int, enough bool, errno wasiErrno) {
		for done < len(buf) {
			if received && flags&wasiWaitAll == 0 && !conn.Ready() {
				return done, true, wasiSuccess
			}
			n, failed := conn.Receive(buf[done:], flags&wasiPeek != 0)
			received = true
			if done += n; n == 0 || flags&wasiPeek != 0 {
				return done, true, g.number(failed)
			}
		}
		return done, false, wasiSuccess
	})
	if errno == wasiSuccess && !(c.memory.WriteUint32Le(c.u32(4), total) && c.memory.WriteUint16Le(c.u32(5), 0)) {
		return wasiBadAddress
	}
	return errno
}

// sockSend takes a connection, buffers, flags, and where the count goes.
func (g *guest) sockSend(c *wasiCall) wasiErrno {
	conn, errno := c.conn()
	if errno != wasiSuccess {
		return errno
	}
	if c.u32(3) != 0 {
		return wasiNotSupported
	}
	total, errno := c.buffers(c.u32(1), c.u32(2), func(buf []byte) (int, bool, wasiErrno) {
		n, failed := conn.Write(buf)
		return n, false, g.number(failed)
	})
	if errno == wasiSuccess && !c.memory.WriteUint32Le(c.u32(4), total) {
		return wasiBadAddress
	}
	return errno
}

// sockShutdown takes a connection and which ways to shut.
func (g *guest) sockShutdown(c *wasiCall) wasiErrno {
	conn, errno := c.conn()
	if errno != wasiSuccess {
		return errno
	}
	how := c.u32(1)
	if how == 0 || how&^(wasiShutRead|wasiShutWrite) != 0 {
		return wasiInvalid
	}
	return g.number(conn.Shutdown(how&wasiShutRead != 0, how&wasiShutWrite != 0))
}

// socketType listens to fd_fdstat_get, and says of sockets what they are: the runtime knows its own only.
type socketType struct{}

// Before notes which descriptor it is about, and where the answer goes.
func (socketType) Before(ctx context.Context, _ api.Module, _ api.FunctionDefinition, params []uint64, _ experimental.StackIterator) {
	if g, ok := ctx.(*guest); ok {
		g.fdstat = [2]uint32{uint32(params[0]), uint32(params[1])}
	}
}

// After puts the type of a socket into the answer.
func (socketType) After(ctx context.Context, mod api.Module, _ api.FunctionDefinition, results []uint64) {
	g, ok := ctx.(*guest)
	if !ok || g.sockets == nil || len(results) == 0 || results[0] != uint64(wasiSuccess) {
		return
	}
	if file, open := descriptorsOf(mod).file(int32(g.fdstat[0])); open {
		if _, socket := file.(hostnet.Socket); socket {
			mod.Memory().WriteByte(g.fdstat[1], wasiTypeSocket)
		}
	}
}

// Abort has nothing to do: the guest has ended.
func (socketType) Abort(context.Context, api.Module, api.FunctionDefinition, error) {}
