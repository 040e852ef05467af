package terminal

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// defaultHistoryLines is how many lines are kept unless the options say otherwise.
const defaultHistoryLines = 1000

// maxHistoryBytes bounds the file that is read: a larger one is none of ours.
const maxHistoryBytes = 16 << 20

// history is the file of the lines that were entered, one each, oldest first.
type history struct {
	limit int
	lines []string // what the file had
	file  *os.File // nil: nothing is kept
}

// openHistory reads the file, cuts it when it has grown far beyond the limit, and keeps it open.
func openHistory(path string, limit int) *history {
	if limit <= 0 {
		limit = defaultHistoryLines
	}
	h := &history{limit: limit}
	if path == "" || os.MkdirAll(filepath.Dir(path), 0o700) != nil {
		return h
	}
	if info, err := os.Stat(path); err == nil && (!info.Mode().IsRegular() || info.Size() > maxHistoryBytes) {
		return h
	}
	if data, err := os.ReadFile(path); err == nil {
		h.lines = slices.DeleteFunc(strings.Split(strings.ToValidUTF8(string(data), "\ufffd"), "\n"), isBlank)
	}
	flags := os.O_APPEND | os.O_CREATE | os.O_WRONLY
	if len(h.lines) > 2*limit {
		h.lines = h.lines[len(h.lines)-limit:]
		if writePrivate(path, strings.Join(h.lines, "\n")+"\n") != nil {
			return h
		}
	}
	h.lines = h.lines[max(0, len(h.lines)-limit):]
	file, err := os.OpenFile(path, flags, 0o600)
	if err != nil {
		return h
	}
	if file.Chmod(0o600) != nil {
		_ = file.Close()
		return h
	}
	h.file = file
	return h
}

// isBlank reports whether there is nothing in a line to remember.
func isBlank(text string) bool { return strings.TrimSpace(text) == "" }

// writePrivate replaces a file, in one step for all who read it.
func writePrivate(path, text string) error {
	// CreateTemp makes files with mode 0600.
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}

// add keeps a line.
func (h *history) add(text string) {
	if h.file == nil || strings.ContainsAny(text, "\r\n") {
		return
	}
	if _, err := h.file.WriteString(text + "\n"); err != nil {
		h.close()
	}
}

func (h *history) close() {
	if h.file != nil {
		_ = h.file.Close()
		h.file = nil
	}
}
