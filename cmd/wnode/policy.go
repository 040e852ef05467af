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
)

// readPolicy reads a policy file: what processes of the node have at most, and those that other nodes
// spawn here. The error is one line that says what is wrong where.
//
//	[processes]
//	memory = "64MiB"
//	wall_time = "10m"
//	folders = ["/srv/data:/data:ro"]
//	environment = ["LANG", "MODE=fast"]
//
//	[remote]
//	children = 100
//	deny = ["connect", "exit_others"]
//
// What it opens is for [closeReach], also when there is an error.
func readPolicy(path string) (processes, remote wnode.Rights, err error) {
	tables := map[string]any{}
	if _, err = toml.DecodeFile(path, &tables); err != nil {
		return processes, remote, tomlError("policy file", path, err)
	}
	for _, name := range slices.Sorted(maps.Keys(tables)) {
		into := map[string]*wnode.Rights{"processes": &processes, "remote": &remote}[name]
		table, isTable := tables[name].(map[string]any)
		if into == nil || !isTable {
			return processes, remote, fmt.Errorf("policy file %s: %s: there are only the tables [processes] and [remote]", path, name)
		}
		if _, listens := table[listenKey]; listens {
			return processes, remote, fmt.Errorf("policy file %s: [%s]: %s: one process has a listener: give it to an application, or to wnode run", path, name, listenKey)
		}
		if *into, err = rightsTable(table).rights(filepath.Dir(path)); err != nil {
			return processes, remote, fmt.Errorf("policy file %s: [%s]: %w", path, name, err)
		}
	}
	return processes, remote, nil
}

// tomlError says in one line what is wrong with a TOML file of some kind, and in which of its lines.
func tomlError(kind, path string, err error) error {
	if syntax, ok := errors.AsType[toml.ParseError](err); ok {
		return fmt.Errorf("%s %s: line %d: %s", kind, path, syntax.Position.Line, syntax.Message)
	}
	return fmt.Errorf("%s %s: %w", kind, path, bareError(err))
}

// rightsTable has limits by name, the list of what is denied, and lists of what of the host there is.
type rightsTable map[string]any

const (
	denyKey        = "deny"
	foldersKey     = "folders"
	environmentKey = "environment"
	listenKey      = "listen_tcp"
)

// rights reads the table in the order of its keys, so that the same error is found each time. Relative
// folders are below base; what is opened is for [closeReach], also when there is an error.
func (t rightsTable) rights(base string) (r wnode.Rights, err error) {
	var reach reachTexts
	for _, key := range slices.Sorted(maps.Keys(t)) {
		switch key {
		case denyKey:
			err = deny(&r, t[key])
		case foldersKey:
			reach.folders, err = texts(t[key], `folders = ["/srv/data:/data:ro"]`)
		case environmentKey:
			reach.environment, err = texts(t[key], `environment = ["LANG", "MODE=fast"]`)
		case listenKey:
			reach.listen, err = texts(t[key], `listen_tcp = ["127.0.0.1:8080"]`)
		default:
			err = limit(&r, key, t[key])
		}
		if err != nil {
			return r, err
		}
	}
	r.Reach, err = reach.open(base)
	return r, err
}

// texts reads a list of texts. example is for who gave something else.
func texts(value any, example string) ([]string, error) {
	list, ok := value.([]any)
	all := make([]string, len(list))
	for i, element := range list {
		text, isText := element.(string)
		all[i], ok = text, ok && isText
	}
	if !ok {
		return nil, errors.New("give a list of texts, as in " + example)
	}
	return all, nil
}

func deny(r *wnode.Rights, value any) error {
	list, ok := value.([]any)
	if !ok {
		return errors.New(`deny: give a list, as in deny = ["connect"]`)
	}
	for _, element := range list {
		name, _ := element.(string)
		permission, err := wnode.ParsePermission(name)
		if err != nil {
			return fmt.Errorf("deny: there is no permission %q; there are %s", fmt.Sprint(element), strings.Join(wnode.AllPermissions.PermissionNames(), ", "))
		}
		r.Denied |= permission
	}
	return nil
}

func limit(r *wnode.Rights, name string, value any) error {
	if !slices.Contains(wnode.LimitNames, name) {
		return fmt.Errorf("there is no limit %q; there are %s, and %s, %s, %s and %s", name, strings.Join(wnode.LimitNames, ", "), denyKey, foldersKey, environmentKey, listenKey)
	}
	n, err := limitValue(name, value)
	if err != nil {
		return fmt.Errorf("%s = %v: %w", name, value, err)
	}
	return r.Limits.Set(name, n)
}

// limitValue reads a number, or a text with a unit where the limit has one.
func limitValue(name string, value any) (uint64, error) {
	switch v := value.(type) {
	case int64:
		if v > 0 && name != "wall_time" && name != "priority" {
			return uint64(v), nil
		}
	case string:
		switch name {
		case "memory", "mailbox_bytes", "stack":
			return parseBytes(v)
		case "priority":
			if p, err := wnode.ParsePriority(v); err == nil {
				return uint64(p), nil
			}
		case "wall_time":
			if d, err := time.ParseDuration(v); err == nil && d > 0 {
				return uint64(d), nil
			}
		}
	}
	switch name {
	case "wall_time":
		return 0, errors.New(`give a time, as in "90s" or "1h30m"`)
	case "priority":
		return 0, errors.New(`give "low", "normal", "high" or "max"`)
	}
	return 0, errors.New("give a number above 0")
}
