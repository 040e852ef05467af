package vm

import (
	"fmt"
	"testing"

	"github.com/wnode/wnode/abi"
)

// BenchmarkCharge measures what a message of 64 bytes costs the counters of the families around its
// receiver: it is asked for, charged, and taken back. With several processors each has families of its own.
func BenchmarkCharge(b *testing.B) {
	for _, families := range []int{1, 2, 3} {
		b.Run(fmt.Sprintf("families=%d", families), func(b *testing.B) {
			var node waiting
			node.init(NewMemory(3<<30), nil, nil)
			const weight = 64 + messageOverhead
			b.RunParallel(func(pb *testing.PB) {
				var account *family
				for range families {
					account = newFamily(abi.Pid{}, account, Limits{MailboxBytes: 1 << 20}, &node)
				}
				for pb.Next() {
					if !account.has(weight) {
						b.Error("no room")
					}
					account.charge(weight)
					account.charge(-weight)
				}
			})
		})
	}
}
