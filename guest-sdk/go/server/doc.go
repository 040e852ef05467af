// Package server is the part of a server that all servers share, after the BEAM's gen_server: a
// process with a state that takes requests one after the other, answers calls, hears casts and
// everything else that arrives, and ends in good order.
//
//	type counter struct {
//		server.Base
//		n int64
//	}
//
//	func (c *counter) Init(args []any) (server.Next, error) { return server.Next{}, nil }
//
//	func (c *counter) HandleCall(request any, from server.From) server.Next {
//		c.n++
//		return server.Reply(c.n)
//	}
//
//	func init() { server.Register("counter", func() server.Server { return new(counter) }) }
//
//	func main() {
//		wnode.Main(func() error {
//			pid, err := server.StartLink("counter", nil, server.Options{})
//			if err != nil {
//				return err
//			}
//			n, err := server.Call(wnode.To(pid), "next")
//			...
//		})
//	}
//
// The messages are terms that servers in every language can share: ["$gen_call", [from, tag], request],
// answered by [tag, reply]; ["$gen_cast", request]; and ["system", [from, tag], ["terminate", reason]].
//
// A process runs its callbacks one at a time and on one goroutine. The calls exist for GOOS=wasip1 only.
package server
