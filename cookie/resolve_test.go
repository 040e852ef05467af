package cookie

import (
	"errors"
	"io/fs"
	"path/filepath"
	"testing"
)

func TestResolveOrder(t *testing.T) {
	file := writeFile(t, "from-file", 0o400)
	fallback := writeFile(t, "from-default", 0o400)
	empty, text, missing := "", "from-flag", filepath.Join(t.TempDir(), "missing")
	set := func(value string) func(string) (string, bool) {
		return func(name string) (string, bool) { return value, name == EnvVar }
	}
	unset := func(string) (string, bool) { return "", false }
	for name, tt := range map[string]struct {
		sources Sources
		want    string
		err     error
	}{
		"flag first":               {Sources{Text: &text, File: &file, LookupEnv: set("from-env")}, "from-flag", nil},
		"then file":                {Sources{File: &file, LookupEnv: set("from-env")}, "from-file", nil},
		"then environment":         {Sources{LookupEnv: set("from-env"), DefaultFile: fallback}, "from-env", nil},
		"then default":             {Sources{LookupEnv: unset, DefaultFile: fallback}, "from-default", nil},
		"empty flag is an error":   {Sources{Text: &empty, File: &file}, "", ErrEmpty},
		"empty env is an error":    {Sources{LookupEnv: set(""), DefaultFile: fallback}, "", ErrEmpty},
		"missing file is not made": {Sources{File: &missing, LookupEnv: set("from-env")}, "", fs.ErrNotExist},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Resolve(tt.sources)
			if !errors.Is(err, tt.err) || got.Reveal() != tt.want {
				t.Errorf("Resolve = %q, %v; want %q, %v", got.Reveal(), err, tt.want, tt.err)
			}
		})
	}
	if _, err := Load(missing); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the missing file: %v", err)
	}
}

// COOK-11: a cookie on the command line keeps the default file from being read,
// checked or made.
func TestResolveTouchesNothingElse(t *testing.T) {
	text, path := "from-flag", filepath.Join(t.TempDir(), FileName)
	if _, err := Resolve(Sources{Text: &text, DefaultFile: path}); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the default file: %v, want fs.ErrNotExist", err)
	}
}

// COOK-08
func TestResolveMakesDefault(t *testing.T) {
	sources := Sources{
		LookupEnv:   func(string) (string, bool) { return "", false },
		DefaultFile: filepath.Join(t.TempDir(), FileName),
	}
	first, err := Resolve(sources)
	if err != nil {
		t.Fatal(err)
	}
	if second, err := Resolve(sources); err != nil || !second.Equal(first) {
		t.Errorf("second time: %v, same cookie %v", err, second.Equal(first))
	}
}
