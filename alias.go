package wnode

import (
	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/cookie"
	"github.com/wnode/wnode/net/names"
	"github.com/wnode/wnode/vm"
	"github.com/wnode/wnode/vm/guest"
	wio "github.com/wnode/wnode/vm/io"
	"github.com/wnode/wnode/vm/module/rewrite"
	"github.com/wnode/wnode/vm/module/wasm"
)

// What programs need of the packages below, under one roof.
type (
	// Cookie is the secret that nodes share. [cookie.Resolve] finds a user's.
	Cookie = cookie.Secret
	// CookieSources says where a cookie may come from.
	CookieSources = cookie.Sources
	// Process is what the body of a native process works with.
	Process = vm.Process
	// Func is a Go function as the body of a process.
	Func = vm.Func
	// Exit is how a body ended.
	Exit = vm.Exit
	// ExitError is the cause of the context of a process that was told to end.
	ExitError = vm.ExitError
	// Message is an entry of a mailbox.
	Message = vm.Message
	// Info is what is known of a process.
	Info = vm.Info
	// Frame is a call on the stack of a guest.
	Frame = vm.Frame
	// TraceFlags say what is traced of a process.
	TraceFlags = vm.TraceFlags
	// SpawnRequest asks a node for a process.
	SpawnRequest = vm.SpawnRequest
	// Limits bound what a process may use.
	Limits = vm.Limits
	// Priority is the share of a processor that a process asks for.
	Priority = abi.Priority
	// Overflow says what a full mailbox leads to.
	Overflow = vm.Overflow
	// FolderChoice says which folders of those that there are a process has.
	FolderChoice = vm.FolderChoice
	// Rights are the limits of a process, what it is denied, and what of the host it may reach.
	Rights = vm.Rights
	// Reach is what of the host a guest may reach.
	Reach = vm.Reach
	// Folder is a folder of the host that guests are given.
	Folder = vm.Folder
	// Listener is a TCP listener of the host that a guest is given.
	Listener = guest.Listener
	// Permissions are things that a process may be denied.
	Permissions = vm.Permissions
	// TimerTarget is who a timer sends to.
	TimerTarget = vm.TimerTarget
	// LineEditor is what a terminal's I/O server works with.
	LineEditor = wio.LineEditor
	// Streams are what an I/O server that is no terminal works with.
	Streams = wio.StreamOptions
	// Rewritten is a module as nodes run it.
	Rewritten = rewrite.Result
	// FunctionReport says what rewriting did to a function of a module.
	FunctionReport = rewrite.FunctionReport
	// ModuleReport is what there is to know of a module before it is run.
	ModuleReport = guest.Report
	// NameEntry is a node of this host.
	NameEntry = names.Entry
)

// Infinity as a timeout waits for ever.
const Infinity = vm.Infinity

// AllPermissions are all there are.
const AllPermissions = vm.AllPermissions

// The priorities of processes.
const (
	PriorityLow    = abi.PriorityLow
	PriorityNormal = abi.PriorityNormal
	PriorityHigh   = abi.PriorityHigh
	PriorityMax    = abi.PriorityMax
)

// ParsePriority gives the priority of a name: low, normal, high or max.
func ParsePriority(name string) (Priority, error) { return abi.ParsePriority(name) }

// ParseOverflow gives the answer to a full mailbox of a name: kill, drop or block.
func ParseOverflow(name string) (Overflow, error) { return vm.ParseOverflow(name) }

// ParseFolderChoice reads guest paths, those for reading only with ":ro" behind them; see [vm.ParseFolderChoice].
func ParseFolderChoice(folders []string) (FolderChoice, error) { return vm.ParseFolderChoice(folders) }

// Where rewriting has the work of a function charged for, in [FunctionReport].
const (
	ChargedByCallers = rewrite.ChargedByCallers
	ChargedAtEntry   = rewrite.ChargedAtEntry
	ChargedInLoop    = rewrite.ChargedInLoop
)

// FeatureAtomics is among the features of a [ModuleReport] when it takes [Options.Threads] to run the module.
const FeatureAtomics = wasm.FeatureAtomics

// How often a module is initialised, in [ModuleReport].
const (
	InitializedNever   = guest.InitializedNever
	InitializedOnce    = guest.InitializedOnce
	InitializedEach    = guest.InitializedEach
	InitializedFails   = guest.InitializedFails
	InitializedUnknown = guest.InitializedUnknown
)

// What is traced of a process.
const (
	TraceSend       = vm.TraceSend
	TraceReceive    = vm.TraceReceive
	TraceProcs      = vm.TraceProcs
	TraceSetOnSpawn = vm.TraceSetOnSpawn
)

// ParseTraceFlag gives the flag of a name: send, receive, procs or set_on_spawn.
func ParseTraceFlag(name string) (TraceFlags, error) { return vm.ParseTraceFlag(name) }

// OpenFolder opens a folder of the host for guests; see [vm.OpenFolder].
func OpenFolder(host, guest string, writable bool) (*Folder, error) {
	return vm.OpenFolder(host, guest, writable)
}

// OpenListener listens at a TCP address for a guest; see [guest.OpenListener].
func OpenListener(address string) (*Listener, error) { return guest.OpenListener(address) }

// LimitNames are the names of the limits, for [Limits.Set].
var LimitNames = vm.LimitNames

// AliasExplicit makes an alias that lasts until it is taken back.
const AliasExplicit = vm.AliasExplicit

// Normal is the exit of a body that is done.
var Normal = vm.Normal

// ErrNoNodes is the error of [LocalNames] when no node answers on this host.
var ErrNoNodes = names.ErrNoAnswer

// ParsePermission gives the permission of a name.
func ParsePermission(name string) (Permissions, error) { return vm.ParsePermission(name) }

// ResolveCookie finds a user's cookie: the first source that is given. Without any it is that of the
// file in the home directory, which is made on first use. The error is one line that says what to do.
func ResolveCookie(sources CookieSources) (Cookie, error) { return cookie.Resolve(sources) }

// RandomCookie makes a cookie of 256 random bits.
func RandomCookie() (Cookie, error) { return cookie.RandomSecret() }

// CookiePath is where the user's cookie file is, whether it exists or not.
func CookiePath() (string, error) { return cookie.DefaultPath() }

// NewCookieFile makes a random cookie in a file, "" for the user's, and gives the file's path. A
// file that is there is replaced only if replace is set.
func NewCookieFile(path string, replace bool) (string, error) {
	if path == "" {
		var err error
		if path, err = CookiePath(); err != nil {
			return "", err
		}
	}
	_, err := cookie.New(path, replace)
	return path, err
}
