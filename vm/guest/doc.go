// Package guest runs WebAssembly modules as processes.
//
// An [Engine] is the [vm.Loader] of a node: it compiles modules, keeps them, and makes the body of
// a process that runs one of their exports. A process is one instance: its own linear memory, its
// own globals, its own tables, and a stack on which the guest waits. What the guest
// may ask of the node are the functions of [abi.Functions], imported from module "wnode", and WASI
// preview 1. Its standard streams are I/O requests to its group leader; of the host it has those folders,
// environment variables and TCP listeners that the rights of its process give.
//
// # Instances
//
// A process has an instance to itself, but not for ever: when it ends in good order the instance is set back
// to the module's image (package image) and rests until another process of the module begins. The image
// is what instances hold after the module's start function and _initialize. They are called for the first
// process alone, if nothing that they ask of the node could be different for the next one, and for each process otherwise.
// Instances are closed that have trapped, whose process was told to end, that have opened or closed
// descriptors, or that have state which cannot be set back ([rewrite.State]), and those that rest
// longer than they are needed. A process with folders, environment or listeners has an instance to itself, and so
// has one that may have less memory than the others begin with. The stack that calls take is given in
// two parts, so that an instance that rests keeps a small one.
//
// # How a guest ends
//
// Returning is "normal". The reason of the host function exit is taken verbatim, proc_exit(0) is
// "normal", proc_exit(n) is ["exit_status", n]; none of these is logged. The rest are crashes:
//
//	[trap, stack]                                a trap; stack is a list of [module, function, arity, []]
//	["undef", [[module, export, args, []]]]      no such module, or no such export
//	[["load_error", what], []]                   the module is larger than this node or its origin allows
//	[["link_error", what], []]                   an import or the entry is not what the node has or wants
//	[["compile_error", what], []]                not a WebAssembly module, or one beyond the limits
//	["badarg", stack]                            exit with a reason that is no term
//	["host_error", text]                         a defect of the node
//
// The traps are those of W-04. A function of the stack has the name that the module's name section
// gives it, else func[17]; host functions are there with the module they are imported from.
//
// # How a guest is stopped
//
// When the context of the process ends, a host function that waits returns at once and a loop or a
// call of the guest is the last thing it does: no host function gives control back to a guest
// whose process has been told to end (W-07).
package guest
