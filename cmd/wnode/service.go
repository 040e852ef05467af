package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"runtime/debug"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/wnode/wnode"
)

func namesCommand() *cobra.Command {
	var asJSON bool
	var listen string
	c := &cobra.Command{
		Use:   "names",
		Short: "List the nodes on this host",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			port, err := wellKnownPort()
			if err != nil {
				return err
			}
			entries, err := wnode.LocalNames(c.Context(), listen, port)
			if errors.Is(err, wnode.ErrNoNodes) {
				fmt.Fprintln(os.Stderr, "no node runs on this host")
				err = nil
			}
			if err != nil {
				return err
			}
			return printNames(entries, asJSON)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print a JSON array of {\"name\", \"port\"}")
	c.Flags().StringVar(&listen, "host", "", "the address that the nodes listen on (default: any)")
	return c
}

func printNames(entries []wnode.NameEntry, asJSON bool) error {
	out := newOutput()
	if asJSON {
		type row struct {
			Name string `json:"name"`
			Port uint16 `json:"port"`
		}
		rows := []row{}
		for _, e := range entries {
			rows = append(rows, row{e.Name, e.Port})
		}
		return out.printJSON(rows)
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, e := range entries {
		fmt.Fprintf(w, "%s\tport %d\n", e.Name, e.Port)
	}
	return out.failure(w.Flush())
}

func cookieCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "cookie",
		Short: "Show where the cookie is, or make a new one",
	}
	path := &cobra.Command{
		Use:   "path",
		Short: "Print the path of the cookie file",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			path, err := wnode.CookiePath()
			if err != nil {
				return err
			}
			return newOutput().println(path)
		},
	}
	var force bool
	var file string
	fresh := &cobra.Command{
		Use:   "new",
		Short: "Make a new random cookie",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			path, err := wnode.NewCookieFile(file, force)
			if errors.Is(err, fs.ErrExist) {
				return fmt.Errorf("%w; --force replaces it", err)
			}
			if err != nil {
				return err
			}
			return newOutput().println(path)
		},
	}
	fresh.Flags().BoolVar(&force, "force", false, "replace the cookie that is there; running nodes keep the old one")
	fresh.Flags().StringVar(&file, "file", "", "the file to write (default: the one that `wnode cookie path` prints)")
	c.AddCommand(path, fresh)
	return c
}

func versionCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if asJSON {
				return newOutput().printJSON(map[string]string{
					"version": version(), "go": runtime.Version(), "platform": runtime.GOOS + "/" + runtime.GOARCH,
				})
			}
			return newOutput().println(fmt.Sprintf("wnode %s (%s %s/%s)", version(), runtime.Version(), runtime.GOOS, runtime.GOARCH))
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

// version is the module's version as the build recorded it.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" || info.Main.Version == "(devel)" {
		return "0.1.0-dev"
	}
	return info.Main.Version
}
