package vm

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/wnode/wnode/abi"
)

// Reach is what of the host a guest may reach. It is not changed once it has been given. A child on
// the same node has what its parent has; one on another node has what that node gives such processes:
// a folder of one machine means nothing on another, and an environment does not leave its node.
type Reach struct {
	// Folders of the host, each at a guest path of its own. One takes the place of what the parent has
	// at that path.
	Folders []*Folder
	// Environment has the values of environment variables.
	Environment map[string]string
	// Listeners are for the process that is given them, and not for its children.
	Listeners []Listener
}

// Listener is a TCP listener of the host. What it is besides is between who gives it and the body that
// runs guests: processes know no network.
type Listener interface {
	// Address is where it listens, HOST:PORT.
	Address() string
	// Close ends it. No process may have it any more.
	Close() error
}

// Bounds of a [Reach] and of a [FolderChoice].
const (
	maxFolders         = 64
	maxListeners       = 64
	maxGuestPathBytes  = 1024
	maxEnvironment     = 256
	maxEnvironmentSize = 64 << 10 // bytes: every process has a copy
)

// Validate reports what no guest can be given, as [abi.ErrBadArgument].
func (r *Reach) Validate() error {
	if r == nil {
		return nil
	}
	paths := map[string]bool{}
	for _, f := range r.Folders {
		if paths[f.guest] {
			return fmt.Errorf("two folders at %s: %w", f.guest, abi.ErrBadArgument)
		}
		paths[f.guest] = true
	}
	size := 0
	for name, value := range r.Environment {
		if name == "" || strings.ContainsAny(name, "=\x00") || !utf8.ValidString(name) || strings.Contains(value, "\x00") {
			return fmt.Errorf("environment variable %q: %w", name, abi.ErrBadArgument)
		}
		size += len(name) + len(value)
	}
	if len(r.Folders) > maxFolders || len(r.Listeners) > maxListeners || len(r.Environment) > maxEnvironment || size > maxEnvironmentSize {
		return fmt.Errorf("%d folders, %d listeners, %d environment variables of %d bytes: more than a process can have: %w",
			len(r.Folders), len(r.Listeners), len(r.Environment), size, abi.ErrBadArgument)
	}
	return nil
}

// with gives what a process has that is given r, and whose parent has other.
func (r *Reach) with(other *Reach) *Reach {
	if other == nil {
		return r
	}
	if r == nil {
		if len(other.Listeners) == 0 {
			return other
		}
		r = &Reach{}
	}
	both := &Reach{Folders: slices.Clone(r.Folders), Environment: map[string]string{}, Listeners: r.Listeners}
	for _, f := range other.Folders {
		if !slices.ContainsFunc(r.Folders, func(own *Folder) bool { return own.guest == f.guest }) {
			both.Folders = append(both.Folders, f)
		}
	}
	maps.Copy(both.Environment, other.Environment)
	maps.Copy(both.Environment, r.Environment)
	return both
}

// Folder is a folder of the host that guests see under a path of their own. It is open: whatever
// becomes of its name on the host, it stays the same folder. Safe for concurrent use.
type Folder struct {
	guest    string
	writable bool
	root     *os.Root
}

// OpenFolder opens a folder of the host for guests, which see it at an absolute path. The caller
// closes it when the processes that may reach it have ended.
func OpenFolder(host, guest string, writable bool) (*Folder, error) {
	guest = path.Clean(guest)
	if err := checkGuestPath(guest); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(host)
	if err != nil {
		var failed *os.PathError
		if errors.As(err, &failed) {
			err = failed.Err // the path is in the message already
		}
		return nil, fmt.Errorf("folder %s: %w", host, err)
	}
	return &Folder{guest: guest, writable: writable, root: root}, nil
}

// checkGuestPath reports a path at which no guest can have a folder. One with a colon could not be
// told from what people write after paths.
func checkGuestPath(guest string) error {
	if !path.IsAbs(guest) || path.Clean(guest) != guest || len(guest) > maxGuestPathBytes ||
		strings.ContainsAny(guest, ":\x00") || !utf8.ValidString(guest) {
		return fmt.Errorf("folder %q: what a guest sees must be an absolute path without a colon, of at most %d bytes: %w",
			guest, maxGuestPathBytes, abi.ErrBadArgument)
	}
	return nil
}

// Close closes the folder.
func (f *Folder) Close() error { return f.root.Close() }

// FolderChoice says which folders of those that there are a process has, by guest path, and whether it
// may write there. nil chooses all as they are; what is chosen and not there is not there.
type FolderChoice map[string]bool

// readOnlySuffix marks a folder in which nothing can be changed, in texts.
const readOnlySuffix = ":ro"

// ParseFolderChoice reads guest paths, those for reading only with ":ro" behind them. A path that no
// folder can have, and too many, are [abi.ErrBadArgument].
func ParseFolderChoice(folders []string) (FolderChoice, error) {
	choice := FolderChoice{}
	for _, text := range folders {
		guest, readOnly := strings.CutSuffix(text, readOnlySuffix)
		choice[guest] = !readOnly
	}
	return choice, choice.Validate()
}

// Validate reports a choice that makes no sense, as [abi.ErrBadArgument].
func (c FolderChoice) Validate() error {
	if len(c) > maxFolders {
		return fmt.Errorf("%d folders: %w", len(c), abi.ErrBadArgument)
	}
	for guest := range c {
		if err := checkGuestPath(guest); err != nil {
			return err
		}
	}
	return nil
}

// within gives the choice of c among what most has chosen.
func (c FolderChoice) within(most FolderChoice) FolderChoice {
	if c == nil || most == nil {
		if c == nil {
			return most
		}
		return c
	}
	both := FolderChoice{}
	for guest, writable := range c {
		if may, chosen := most[guest]; chosen {
			both[guest] = writable && may
		}
	}
	return both
}

// Access is a folder as a process has it.
type Access struct {
	Guest    string // the path at which the guest sees it
	Writable bool
	Root     *os.Root // remains its owner's
}

// String gives the guest path, with ":ro" behind it when nothing can be changed there.
func (a Access) String() string {
	if a.Writable {
		return a.Guest
	}
	return a.Guest + readOnlySuffix
}

// Accesses gives the folders that a process with these rights has, in the order of their guest paths.
func (r Rights) Accesses() []Access {
	if r.Reach == nil || r.Denied&PermitFiles != 0 {
		return nil
	}
	var accesses []Access
	for _, f := range r.Reach.Folders {
		writable, chosen := r.Folders[f.guest]
		if r.Folders == nil {
			writable, chosen = true, true
		}
		if chosen {
			accesses = append(accesses, Access{f.guest, f.writable && writable && r.Denied&PermitFilesWrite == 0, f.root})
		}
	}
	slices.SortFunc(accesses, func(a, b Access) int { return strings.Compare(a.Guest, b.Guest) })
	return accesses
}

// Environment gives the environment variables that a process with these rights has. Not to be changed.
func (r Rights) Environment() map[string]string {
	if r.Reach == nil || r.Denied&PermitEnvironment != 0 {
		return nil
	}
	return r.Reach.Environment
}

// FolderNames lists the folders for people, without where they are on the host; see [Access.String].
func (r Rights) FolderNames() []string {
	names := []string{}
	for _, access := range r.Accesses() {
		names = append(names, access.String())
	}
	return names
}

// EnvironmentNames lists the names of the environment variables for people, without the values.
func (r Rights) EnvironmentNames() []string {
	return append([]string{}, slices.Sorted(maps.Keys(r.Environment()))...)
}

// Listeners gives the listeners that a process with these rights has. Not to be changed.
func (r Rights) Listeners() []Listener {
	if r.Reach == nil || r.Denied&PermitNetwork != 0 {
		return nil
	}
	return r.Reach.Listeners
}

// ListenerNames lists the addresses of the listeners for people.
func (r Rights) ListenerNames() []string {
	names := []string{}
	for _, l := range r.Listeners() {
		names = append(names, l.Address())
	}
	return names
}

// Validate reports rights that make no sense, as [abi.ErrBadArgument].
func (r Rights) Validate() error {
	if r.Denied&^AllPermissions != 0 {
		return fmt.Errorf("permissions %#x: %w", uint32(r.Denied), abi.ErrBadArgument)
	}
	return errors.Join(r.Limits.Validate(), r.Folders.Validate(), r.Reach.Validate())
}
