// Package supervisor keeps processes running, after the BEAM's supervisor: it starts its children in
// order, restarts those that end when they should not, stops them in reverse order, and gives up when
// that happens too often, so that its own supervisor can try with a clean state.
//
//	func init() {
//		supervisor.Register("tree", func(args []any) (supervisor.Flags, []supervisor.Child, error) {
//			return supervisor.Flags{Strategy: supervisor.OneForOne}, []supervisor.Child{
//				{ID: "counter", Start: supervisor.Start{Func: "counter"}},
//			}, nil
//		})
//	}
//
//	pid, err := supervisor.StartLink("tree", nil, server.Options{})
//
// A supervisor is a server (package server), so it answers calls: "which_children", "count_children",
// ["start_child", spec], ["terminate_child", id], ["restart_child", id] and ["delete_child", id], with
// specs in the form of [Child.Term]. What it does and when is decided without the node, and tested so.
package supervisor
