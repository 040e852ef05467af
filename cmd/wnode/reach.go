package main

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/wnode/wnode"
)

// reachTexts say what of the host processes may reach: folders as HOST[:GUEST][:ro], environment
// variables as NAME[=VALUE], TCP addresses to listen at as HOST:PORT.
type reachTexts struct{ folders, environment, listen []string }

func (t reachTexts) empty() bool { return len(t.folders)+len(t.environment)+len(t.listen) == 0 }

// open gives what they say, nil when that is nothing. Relative folders are below base. What it opens is
// for [closeReach], also when there is an error.
func (t reachTexts) open(base string) (*wnode.Reach, error) {
	if t.empty() {
		return nil, nil
	}
	reach := &wnode.Reach{Environment: map[string]string{}}
	for _, text := range t.folders {
		folder, err := openFolder(text, base)
		if err != nil {
			return reach, err
		}
		reach.Folders = append(reach.Folders, folder)
	}
	for _, text := range t.environment {
		name, value, given := strings.Cut(text, "=")
		if name == "" {
			return reach, fmt.Errorf("environment variable %q: give NAME=VALUE, or NAME for the value that it has here", text)
		}
		if !given {
			if value, given = os.LookupEnv(name); !given {
				return reach, fmt.Errorf("environment variable %s is not set here: give it a value, as in %s=value", name, name)
			}
		}
		reach.Environment[name] = value
	}
	for _, address := range t.listen {
		listener, err := wnode.OpenListener(address)
		if err != nil {
			return reach, err
		}
		reach.Listeners = append(reach.Listeners, listener)
	}
	return reach, reach.Validate()
}

// closeReach closes what processes might reach; they must have ended.
func closeReach(list ...*wnode.Reach) {
	for _, reach := range list {
		if reach == nil {
			continue
		}
		for _, folder := range reach.Folders {
			_ = folder.Close() // nothing is written through it
		}
		for _, listener := range reach.Listeners {
			_ = listener.Close()
		}
	}
}

// openFolder opens what HOST[:GUEST][:ro] says. Without GUEST the guest sees the folder under the path
// that is written here, so that the paths which people give to a program are the same inside.
func openFolder(text, base string) (*wnode.Folder, error) {
	volume := filepath.VolumeName(text) // has a colon of its own
	host, readOnly := strings.CutSuffix(text[len(volume):], ":ro")
	guest := ""
	if i := strings.LastIndexByte(host, ':'); i >= 0 {
		host, guest = host[:i], host[i+1:]
		if !path.IsAbs(guest) {
			first, _, _ := strings.Cut(host, ":")
			return nil, fmt.Errorf("folder %s: %q is neither ro nor an absolute path for the guest, as in %s:/data:ro", text, guest, volume+first)
		}
	}
	host = volume + host
	switch {
	case host == "":
		return nil, errors.New("folder \"\": give HOST, HOST:GUEST or HOST:GUEST:ro, as in /srv/data:/data:ro")
	case guest != "":
	case filepath.IsAbs(host):
		guest = filepath.ToSlash(host)
	case filepath.IsLocal(host):
		guest = "/" + filepath.ToSlash(host)
	default:
		return nil, fmt.Errorf("folder %s: say under which path the guest sees it, as in %s:/data", text, host)
	}
	if !filepath.IsAbs(host) {
		host = filepath.Join(base, host)
	}
	return wnode.OpenFolder(host, guest, !readOnly)
}
