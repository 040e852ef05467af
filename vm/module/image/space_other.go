//go:build !linux

package image

// Where memory cannot be mapped so that changed pages are found, all of it is cleared.

type file struct{}

func (*file) close() {}

func mapRoom(uint64) ([]byte, error) { return nil, errNoMapping }

func unmapRoom([]byte) {}

func emptyRoom([]byte) bool { return false }

func (s *Space) setMapped(*Image, uint64) error { return errNoMapping }

func mapShown(*Image) ([]byte, error) { return nil, errNoMapping }

func moveShown(from, to []byte) bool { return false }
