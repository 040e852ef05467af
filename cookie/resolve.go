package cookie

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// EnvVar is the environment variable that can hold the cookie.
const EnvVar = "WNODE_COOKIE"

// remedy is what to do about a cookie that is no good.
var remedy = fmt.Sprintf("give 1 to %d printable ASCII characters, or leave it out and make a cookie file with: wnode cookie new", MaxLength)

// Sources are the places where Resolve looks for the cookie.
type Sources struct {
	// Text is the cookie given on the command line; nil if it was not given. The
	// empty string is a cookie, and a bad one.
	Text *string
	// File is the path of the cookie file given on the command line; nil if it
	// was not given.
	File *string
	// LookupEnv finds environment variables. nil means os.LookupEnv.
	LookupEnv func(name string) (string, bool)
	// DefaultFile is the path of the file that is used, and made, if no other
	// source is given. "" means DefaultPath.
	DefaultFile string
}

// Resolve returns the cookie of the first source that is given, in the order
// Text, File, the environment variable EnvVar, DefaultFile. A source that
// is given and bad is an error; it never falls through to the next one, and no source
// after the first is looked at. Only DefaultFile is created if it does not exist.
//
// Errors: those of NewSecret with the source in front, those of Load and Create.
func Resolve(s Sources) (Secret, error) {
	if s.Text != nil {
		secret, err := NewSecret(*s.Text)
		if err != nil {
			return Secret{}, fmt.Errorf("the given cookie: %w; %s", err, remedy)
		}
		return secret, nil
	}
	if s.File != nil {
		return Load(*s.File)
	}
	lookup := s.LookupEnv
	if lookup == nil {
		lookup = os.LookupEnv
	}
	if text, ok := lookup(EnvVar); ok {
		secret, err := NewSecret(text)
		if err != nil {
			return Secret{}, fmt.Errorf("the cookie in %s: %w; %s", EnvVar, err, remedy)
		}
		return secret, nil
	}
	return defaultSecret(s.DefaultFile)
}

func defaultSecret(path string) (Secret, error) {
	if path == "" {
		var err error
		if path, err = DefaultPath(); err != nil {
			return Secret{}, err
		}
	}
	secret, err := Load(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Create(path)
	}
	return secret, err
}
