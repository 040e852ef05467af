package main

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/BurntSushi/toml"

	"github.com/wnode/wnode"
	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
)

// application is an application of an application file.
type application struct {
	Name     string         `toml:"name"`
	Module   string         `toml:"module"`
	Export   string         `toml:"export"`
	Func     string         `toml:"func"`
	Args     []any          `toml:"args"`
	Type     string         `toml:"type"`
	Shutdown string         `toml:"shutdown"`
	Rights   map[string]any `toml:"rights"`

	rights   wnode.Rights
	shutdown time.Duration
}

// The types of applications, by what their end means to the node: permanent ones end it, transient
// ones when they fail, temporary ones never.
const (
	permanent = "permanent"
	transient = "transient"
	temporary = "temporary"
)

var errNoApplication = errors.New("there is no [[application]] in it")

// applicationFile is what an application file says.
type applicationFile struct {
	Memory      memorySize     `toml:"memory"` // of the node; 0 for nothing
	Application []*application `toml:"application"`
}

// readApplications reads an application file, wnode.toml. Paths in it are relative to it. The error
// is one line that says what is wrong where.
//
//	memory = "2GiB"
//
//	[[application]]
//	module = "counter.wasm"
//	args = ["one", 2]
//	type = "permanent"          # or "transient", "temporary"
//	shutdown = "10s"
//	rights = { memory = "64MiB", deny = ["connect"], folders = ["data"] }
//
// What it opens is for [closeApplications], also when there is an error.
func readApplications(path string) (file applicationFile, err error) {
	meta, err := toml.DecodeFile(path, &file)
	switch {
	case err != nil:
		return file, tomlError("application file", path, err)
	case unknownKey(meta) != "":
		return file, fmt.Errorf("application file %s: there is no key %s", path, unknownKey(meta))
	case len(file.Application) == 0:
		return file, fmt.Errorf("application file %s: %w", path, errNoApplication)
	}
	for i, a := range file.Application {
		if err := a.complete(filepath.Dir(path)); err != nil {
			return file, fmt.Errorf("application file %s: application %d: %w", path, i+1, err)
		}
	}
	return file, nil
}

// closeApplications closes what was opened for applications; they must have ended.
func closeApplications(applications []*application) {
	for _, a := range applications {
		closeReach(a.rights.Reach)
	}
}

// unknownKey gives the first key that means nothing, "" when there is none. What is in a table among
// the arguments counts as decoded: it is a value.
func unknownKey(meta toml.MetaData) string {
	for _, key := range meta.Undecoded() {
		if len(key) < 2 || key[1] != "args" {
			return key.String()
		}
	}
	return ""
}

// complete checks the application and puts in the defaults.
func (a *application) complete(dir string) (err error) {
	if a.Module == "" {
		return errors.New(`give it a module, as in module = "counter.wasm"`)
	}
	if !filepath.IsAbs(a.Module) {
		a.Module = filepath.Join(dir, a.Module)
	}
	if a.Name == "" {
		a.Name = strings.TrimSuffix(filepath.Base(a.Module), ".wasm")
	}
	if a.Type == "" {
		a.Type = permanent
	}
	if !slices.Contains([]string{permanent, transient, temporary}, a.Type) {
		return fmt.Errorf("type = %q: give permanent, transient or temporary", a.Type)
	}
	if a.Shutdown != "" {
		if a.shutdown, err = time.ParseDuration(a.Shutdown); err != nil || a.shutdown <= 0 {
			return fmt.Errorf(`shutdown = %q: give a time, as in "10s"`, a.Shutdown)
		}
	}
	if a.rights, err = rightsTable(a.Rights).rights(dir); err != nil {
		return fmt.Errorf("rights: %w", err)
	}
	return nil
}

// start starts the application, and tells ended of an end that is to be that of the node.
func (a *application) start(n shellNode, leader abi.Pid, ended chan<- error) error {
	module, err := readModule(a.Module, n.maxModule)
	if err != nil {
		return err
	}
	fn, err := n.Load(filepath.Base(a.Module), module)
	if err != nil {
		return err
	}
	if a.Export != "" {
		fn.Export = a.Export
	}
	args, err := term.Encode(a.arguments())
	if err != nil {
		return fmt.Errorf("application %s: args: %w", a.Name, err)
	}
	_, err = n.StartApplication(wnode.ApplicationSpec{
		Name: a.Name, Shutdown: a.shutdown,
		Request: wnode.SpawnRequest{Function: fn, Args: args, Leader: leader, Rights: a.rights},
		Ended: func(running *wnode.Application) {
			if a.Type == temporary || a.Type == transient && !running.Failed() {
				return
			}
			select {
			case ended <- fmt.Errorf("application %s ended: %s", a.Name, term.Format(running.Reason(), n.Index)):
			default: // another one was first
			}
		},
	})
	return err
}

// arguments gives what the process is started with: the SDKs find a function that was registered by name
// in arguments of this form.
func (a *application) arguments() []any {
	args := make([]any, len(a.Args))
	for i, arg := range a.Args {
		args[i] = plain(arg)
	}
	if a.Func != "" {
		return []any{"$func", a.Func, args}
	}
	return args
}

// plain gives a value of a file as a term: its tables have keys of one type.
func plain(value any) any {
	switch v := value.(type) {
	case []any:
		list := make([]any, len(v))
		for i, element := range v {
			list[i] = plain(element)
		}
		return list
	case map[string]any:
		m := map[any]any{}
		for key := range maps.Keys(v) {
			m[key] = plain(v[key])
		}
		return m
	}
	return value
}

// startApplications starts them, and gives a channel on which the error comes when the end of one is to
// be that of the node.
func startApplications(applications []*application, n shellNode, leader abi.Pid) (<-chan error, error) {
	ended := make(chan error, 1)
	for _, a := range applications {
		if err := a.start(n, leader, ended); err != nil {
			return nil, err
		}
	}
	return ended, nil
}
