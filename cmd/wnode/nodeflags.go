package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/lmittmann/tint"
	"github.com/spf13/cobra"

	"github.com/wnode/wnode"
	"github.com/wnode/wnode/abi"
)

var errNoName = errors.New(`invalid node name "": give NAME or NAME@HOST, or leave out --name for a name that no other node has`)

// nodeFlags are the flags of every command that boots a node.
type nodeFlags struct {
	name       string
	cookie     string
	cookieFile string
	listen     string
	connect    []string
	deadAfter  time.Duration
	maxModule  byteSize
	memory     memorySize
	codeCache  cacheSize
	policy     string
	peerProcs  int
	features   featureList
	logLevel   slog.Level

	rights, remoteRights wnode.Rights // of the policy

	// No flags: set by commands with which a person waits, and by those whose node is there for one module.
	progress       func(wnode.Progress)
	compileWorkers int
}

func (f *nodeFlags) add(c *cobra.Command) {
	flags := c.Flags()
	flags.StringVar(&f.name, "name", "", "the node's name, NAME or NAME@HOST (default: one that no other node has)")
	flags.StringVar(&f.cookie, "cookie", "", "the cookie shared with other nodes; others on this machine can see it in the process list")
	flags.StringVar(&f.cookieFile, "cookie-file", "", "a file with the cookie (default: $WNODE_COOKIE, else ~/.wnode.cookie)")
	flags.StringVar(&f.listen, "listen", "", "UDP address to listen on, HOST:PORT; port 0 is a free one (default: all addresses, the well-known port or a free one)")
	flags.StringArrayVar(&f.connect, "connect", nil, "connect to a node, NAME@HOST or NAME@HOST:PORT, and again when the connection is lost; may be repeated")
	flags.DurationVar(&f.deadAfter, "dead-after", wnode.DefaultIdleTimeout, "give up a node that has not been heard of for this long, from 1s on; of two nodes' times the shorter one counts")
	f.maxModule = defaultMaxModule
	flags.Var(&f.maxModule, "max-module", "the largest module to take or send: bytes, or a number with a unit such as 64MiB")
	flags.Var(&f.memory, "memory", "what processes may take together, with their modules and messages: bytes, a number with a unit such as 2GiB, or a part of the machine's (or container's) memory such as 50% (default 75%)")
	f.codeCache = defaultCodeCache
	flags.Var(&f.codeCache, "code-cache", "the most compiled code to keep on disk for all nodes of this user: bytes, or a number with a unit such as 500MiB")
	flags.IntVar(&f.peerProcs, "peer-processes", wnode.DefaultPeerProcesses, "how many processes one other node may have here, with all that these spawn")
	flags.StringVar(&f.policy, "policy", "", "a TOML file that says what processes may use and do, those of other nodes apart (see docs/policy.md)")
	flags.Var(&f.features, "features", "allow modules what is off by default; there is: threads (atomic instructions; see docs/modules.md)")
	f.logLevel = slog.LevelWarn
	flags.Var((*logLevel)(&f.logLevel), "log-level", "log from this level on: DEBUG, INFO, WARN or ERROR")
}

// logLevel is the value of a flag.
type logLevel slog.Level

// Set reads a level in capitals or not.
func (l *logLevel) Set(text string) error {
	if err := (*slog.Level)(l).UnmarshalText([]byte(text)); err != nil {
		return errors.New("give DEBUG, INFO, WARN or ERROR")
	}
	return nil
}

// String gives the level in capitals.
func (l *logLevel) String() string { return slog.Level(*l).String() }

// Type is what the help calls the value.
func (l *logLevel) Type() string { return "level" }

// logger writes one line a record, as in `15:04:05.000 [error] text key=value`.
func (f *nodeFlags) logger(w io.Writer) *slog.Logger {
	return slog.New(tint.NewTextHandler(w, &tint.Options{
		Level: f.logLevel, TimeFormat: "15:04:05.000", NoColor: true,
		ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
			if slices.Contains(groups, wnode.CrashGroup) {
				return slog.Attr{} // the text of the record says it
			}
			if a.Key == slog.LevelKey && len(groups) == 0 {
				return slog.String(a.Key, "["+levelName(a.Value.Any().(slog.Level))+"]")
			}
			return a
		},
	}))
}

// levelNone is above all levels that the node logs with.
const levelNone = slog.LevelError + 4

func levelName(l slog.Level) string {
	switch {
	case l >= slog.LevelError:
		return "error"
	case l >= slog.LevelWarn:
		return "warning"
	case l >= slog.LevelInfo:
		return "info"
	default:
		return "debug"
	}
}

// start boots the node that the flags describe.
func (f *nodeFlags) start(ctx context.Context, c *cobra.Command, log *slog.Logger) (*wnode.Node, error) {
	if f.name == "" && c.Flags().Changed("name") {
		return nil, errNoName
	}
	secret, err := f.secret(c)
	if err != nil {
		return nil, err
	}
	if secret.Weak() {
		log.Info("the cookie is short: whoever can reach this node can try to guess it; `wnode cookie new` makes a strong one")
	}
	if f.deadAfter < wnode.MinIdleTimeout {
		return nil, usage(c, fmt.Errorf("--dead-after %v: give at least %v", f.deadAfter, wnode.MinIdleTimeout))
	}
	if f.peerProcs < 1 {
		return nil, usage(c, fmt.Errorf("--peer-processes %d: give at least 1", f.peerProcs))
	}
	port, err := wellKnownPort()
	if err != nil {
		return nil, err
	}
	if f.policy != "" {
		if f.rights, f.remoteRights, err = readPolicy(f.policy); err != nil {
			f.closePolicy()
			return nil, err
		}
	}
	n, err := wnode.Start(ctx, wnode.Options{
		Name: f.name, Cookie: secret, Listen: f.listen, WellKnownPort: port, CacheDir: cacheDir(), Logger: log,
		MaxModuleBytes: int64(f.maxModule), Memory: uint64(f.memory), CodeBytes: int64(f.codeCache), Progress: f.progress, CompileWorkers: f.compileWorkers,
		Threads: f.features.threads, IdleTimeout: f.deadAfter,
		PeerProcesses: f.peerProcs, Rights: f.rights, RemoteRights: f.remoteRights,
	})
	if err != nil {
		f.closePolicy()
	}
	return n, err
}

// closePolicy closes what the policy has opened.
func (f *nodeFlags) closePolicy() { closeReach(f.rights.Reach, f.remoteRights.Reach) }

func (f *nodeFlags) secret(c *cobra.Command) (wnode.Cookie, error) {
	var sources wnode.CookieSources
	if c.Flags().Changed("cookie") {
		sources.Text = &f.cookie
	}
	if c.Flags().Changed("cookie-file") {
		sources.File = &f.cookieFile
	}
	if sources.Text != nil && sources.File != nil {
		return wnode.Cookie{}, usage(c, errTwoCookies)
	}
	secret, err := wnode.ResolveCookie(sources)
	if errors.Is(err, fs.ErrPermission) {
		err = fmt.Errorf("%w; let its owner run: chmod 600 FILE, or give a file of your own with --cookie-file", err)
	}
	return secret, err
}

// portVariable is the environment variable for the well-known port, for all nodes of a host.
const portVariable = "WNODE_PORT"

func wellKnownPort() (uint16, error) {
	text := os.Getenv(portVariable)
	if text == "" {
		return 0, nil
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil || port == 0 {
		return 0, fmt.Errorf("%s=%s: give a UDP port from 1 to 65535", portVariable, text)
	}
	return uint16(port), nil
}

// cacheDir is where modules and compiled code are kept for all nodes of a user; "" when the system
// has no such place.
func cacheDir() string {
	dir, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "wnode")
}

// closeTimeout bounds the orderly stop of a node, beside the time that its applications have.
const closeTimeout = 10 * time.Second

// stop closes a node, and makes what goes wrong part of err.
func (f *nodeFlags) stop(n *wnode.Node, err *error) {
	defer f.closePolicy()
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout+n.Shutdown())
	defer cancel()
	if closeErr := n.Close(ctx); closeErr != nil && *err == nil {
		*err = fmt.Errorf("stop the node: %w", closeErr)
	}
}

// serve boots the node for as long as do takes, and gives do an I/O server on the streams.
func (f *nodeFlags) serve(ctx context.Context, c *cobra.Command, streams wnode.Streams, do func(*wnode.Node, abi.Pid) error) (err error) {
	n, err := f.start(ctx, c, f.logger(os.Stderr))
	if err != nil {
		return err
	}
	defer f.stop(n, &err)
	leader, err := n.StartStream(streams)
	if err != nil {
		return err
	}
	return do(n, leader)
}

// connectAll connects to the nodes of the --connect flags and keeps them connected. It fails with the first
// that it cannot reach.
func (f *nodeFlags) connectAll(ctx context.Context, n *wnode.Node) error {
	for _, name := range f.connect {
		if err := n.Connect(ctx, name); err != nil {
			return err
		}
		if err := n.KeepConnected(name); err != nil {
			return err
		}
	}
	return nil
}
