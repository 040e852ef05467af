package cookie

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// FileName is the name of the default cookie file, in the home folder.
const FileName = ".wnode.cookie"

// maxFile bounds what is read of a cookie file: the longest cookie and some
// line ends.
const maxFile = MaxLength + 64

// A FileError says what is wrong with a cookie file, in one line that never
// shows any of its content.
type FileError struct {
	// Path is the file's path as the caller gave it.
	Path string
	// Err is the cause: a sentinel of this package or the operating system's error.
	Err error
	// Mend is a shell command that removes the cause, or "".
	Mend string
}

// Error gives the path, the cause and the command that mends it.
func (e *FileError) Error() string {
	text := "cookie file " + e.Path + ": " + e.Err.Error()
	if errors.Is(e.Err, ErrExposed) || errors.Is(e.Err, ErrNotRegular) {
		text = "cookie file " + e.Path + " " + e.Err.Error()
	}
	if e.Mend != "" {
		text += "; run: " + e.Mend
	}
	return text
}

// Unwrap returns the cause.
func (e *FileError) Unwrap() error { return e.Err }

// DefaultPath returns the path of the user's cookie file, whether it exists or
// not. It fails if the user has no home folder.
func DefaultPath() (string, error) {
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("finding the cookie file: %w", err)
	}
	return filepath.Join(home, FileName), nil
}

// Load reads the cookie from the file at path. The cookie is the first line;
// blanks in it count, blank lines after it do not. A symbolic link is followed.
// The file is refused if group or others have any right on it; who owns it is
// not checked. On systems without permission bits no rights are checked.
//
// Errors: *FileError around ErrExposed, ErrNotRegular, ErrEmpty, ErrTooLong,
// ErrBadCharacters, fs.ErrNotExist, fs.ErrPermission or another error of the
// operating system.
func Load(path string) (Secret, error) {
	// Opening a pipe would block until somebody writes to it: look first.
	info, err := os.Stat(path)
	if err != nil {
		return Secret{}, fileError(path, err)
	}
	if !info.Mode().IsRegular() {
		return Secret{}, &FileError{Path: path, Err: ErrNotRegular}
	}
	f, err := os.Open(path)
	if err != nil {
		return Secret{}, fileError(path, err)
	}
	defer f.Close()
	if info, err = f.Stat(); err != nil {
		return Secret{}, fileError(path, err)
	}
	if exposed(info.Mode()) {
		return Secret{}, &FileError{Path: path, Err: ErrExposed, Mend: "chmod 400 " + shellQuote(path)}
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return Secret{}, fileError(path, err)
	}
	secret, err := parseFile(data)
	if err != nil {
		return Secret{}, &FileError{Path: path, Err: err, Mend: "wnode cookie new --force --file " + shellQuote(path)}
	}
	return secret, nil
}

// Create makes a cookie file with a random cookie at path and returns the
// cookie. Of several that do so at the same time one wins and all return the winner's
// cookie; if the file exists already, Create is Load.
//
// Errors: those of Load; *FileError if the file cannot be created.
func Create(path string) (Secret, error) {
	secret, err := New(path, false)
	if errors.Is(err, fs.ErrExist) {
		return Load(path)
	}
	return secret, err
}

// New makes a cookie file with a random cookie at path, readable by its owner
// only (mode 0400), and returns the cookie. The file appears with
// all of its content or not at all. An existing one is replaced if replace is
// set; otherwise New fails with *FileError around fs.ErrExist.
func New(path string, replace bool) (Secret, error) {
	secret, err := RandomSecret()
	if err != nil {
		return Secret{}, err
	}
	temp, err := writeTemp(filepath.Dir(path), secret)
	if err != nil {
		return Secret{}, createError(path, err)
	}
	defer os.Remove(temp)
	switch {
	case replace:
		err = os.Rename(temp, path)
	default:
		// A link, unlike a rename, fails if the name is taken.
		if err = os.Link(temp, path); err != nil && !errors.Is(err, fs.ErrExist) {
			err = writeExclusive(path, secret)
		}
	}
	if err != nil {
		return Secret{}, createError(path, err)
	}
	return secret, nil
}

// writeTemp writes the cookie to a new file in dir and returns its path.
func writeTemp(dir string, secret Secret) (string, error) {
	f, err := os.CreateTemp(dir, FileName+".*")
	if err != nil {
		return "", err
	}
	if err := writeClose(f, secret); err != nil {
		return "", errors.Join(err, os.Remove(f.Name()))
	}
	return f.Name(), nil
}

// writeExclusive creates the file in place, for file systems without hard
// links. For an instant others can see it empty, and refuse it.
func writeExclusive(path string, secret Secret) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, filePerm)
	if err != nil {
		return err
	}
	if err := writeClose(f, secret); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

// writeClose writes the cookie, sets the file's mode, and closes it in any case.
func writeClose(f *os.File, secret Secret) error {
	_, err := f.WriteString(secret.Reveal())
	if err == nil {
		err = f.Sync()
	}
	// By path: Windows cannot change the mode of an open file.
	return errors.Join(err, f.Close(), os.Chmod(f.Name(), filePerm))
}

// parseFile takes the first line; after it nothing but blanks and line ends may
// follow.
func parseFile(data []byte) (Secret, error) {
	if len(data) > maxFile {
		return Secret{}, ErrTooLong
	}
	text := string(data)
	if end := strings.IndexAny(text, "\r\n"); end >= 0 {
		if strings.Trim(text[end:], " \t\r\n") != "" {
			return Secret{}, ErrBadCharacters
		}
		text = text[:end]
	}
	return NewSecret(text)
}

// fileError drops the operation and path that the os package adds, since
// FileError says the path.
func fileError(path string, err error) error {
	e := &FileError{Path: path, Err: bareError(err)}
	if errors.Is(err, fs.ErrNotExist) {
		e.Mend = "wnode cookie new --file " + shellQuote(path)
	}
	return e
}

func createError(path string, err error) error {
	if errors.Is(err, fs.ErrExist) {
		return &FileError{Path: path, Err: fs.ErrExist}
	}
	return &FileError{Path: path, Err: fmt.Errorf("failed to create: %w", bareError(err))}
}

func bareError(err error) error {
	if pathErr, ok := errors.AsType[*fs.PathError](err); ok {
		return pathErr.Err
	}
	if linkErr, ok := errors.AsType[*os.LinkError](err); ok {
		return linkErr.Err
	}
	return err
}

// shellQuote makes path one word of a shell command.
func shellQuote(path string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' ||
			strings.ContainsRune("/._-+,:@%", r)
	}
	if path != "" && strings.IndexFunc(path, func(r rune) bool { return !plain(r) }) < 0 {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}
