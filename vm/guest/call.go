package guest

import (
	"reflect"
	"time"
	"unicode/utf8"

	"github.com/tetratelabs/wazero/api"

	"github.com/wnode/wnode/abi"
)

// call reads the parameters of one call of a host function, one after the other. A region beyond
// the guest's memory traps at once. What is wrong otherwise is noted in err, and the value read is
// then the zero value.
//
// Regions are the guest's memory itself, not copies: they are good until the host function
// returns, as the guest, which alone can change or grow its memory, stands still meanwhile.
type call struct {
	guest  *guest
	module api.Module
	stack  []uint64
	next   int
	err    error
}

func (c *call) value() uint64 {
	v := c.stack[c.next]
	c.next++
	return v
}

// int32 reads an i32.
func (c *call) int32() int32 { return api.DecodeI32(c.value()) }

// duration reads a time to wait; negative is infinity.
func (c *call) duration() time.Duration {
	d := int64(c.value())
	if d < abi.Infinity {
		c.err = abi.ErrBadArgument
	}
	return time.Duration(d)
}

// pid reads a pid.
func (c *call) pid() abi.Pid {
	node, num := c.value(), c.value()
	return abi.Pid{Node: abi.NodeID(node), Num: num}
}

// ref reads a ref.
func (c *call) ref() abi.Ref { return abi.Ref(c.pid()) }

// bytes reads an address and a length, and gives the bytes there.
func (c *call) bytes() []byte {
	address, length := api.DecodeU32(c.value()), api.DecodeU32(c.value())
	if length >= bytesPerReduction {
		c.guest.process.AddReductions(uint64(length / bytesPerReduction))
		c.guest.work += length / workBytes
	}
	return c.region(address, length)
}

// bytesPerReduction is how many bytes a guest can hand over for one reduction: they are copied, or
// hashed, or decoded, which the price of a call does not cover.
const bytesPerReduction = 64

// buffer reads an address and a capacity, and gives the bytes to write to.
func (c *call) buffer() []byte {
	address, capacity := api.DecodeU32(c.value()), api.DecodeU32(c.value())
	return c.region(address, capacity)
}

// name reads a name: UTF-8 and not empty.
func (c *call) name() string {
	b := c.bytes()
	if len(b) == 0 || len(b) > maxNameBytes || !utf8.Valid(b) {
		c.err = abi.ErrBadArgument
		return ""
	}
	return string(b)
}

// pidOut reads an address and gives the place for a pid or a ref there, without content but with capacity.
func (c *call) pidOut() []byte { return c.region(api.DecodeU32(c.value()), abi.IDSize)[:0] }

// hash reads an address and gives the 32 bytes there.
func (c *call) hash() []byte { return c.region(api.DecodeU32(c.value()), abi.HashSize) }

// region gives a part of the guest's memory. The runtime compares with the memory's size in 64 bits.
func (c *call) region(address, length uint32) []byte {
	memory := c.memory()
	if memory == nil {
		panic(&trap{trapOutOfBoundsMemory})
	}
	region, ok := memory.Read(address, length)
	if !ok {
		panic(&trap{trapOutOfBoundsMemory})
	}
	return region
}

// memory gives the guest's memory, nil when its module has none: the runtime wraps a nil pointer then.
func (c *call) memory() api.Memory {
	if c.guest.memory == nil {
		if memory := c.module.Memory(); !reflect.ValueOf(memory).IsNil() {
			c.guest.memory = memory
		}
	}
	return c.guest.memory
}

// fill writes data into a buffer if it fits, and gives its full length either way.
func fill(buffer, data []byte) int64 {
	if len(data) <= len(buffer) {
		copy(buffer, data)
	}
	return int64(len(data))
}

// flag gives 1 or 0.
func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
