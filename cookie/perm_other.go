//go:build !unix

package cookie

import "io/fs"

// filePerm leaves the file writable: without permission bits the mode 0400
// only means that the file cannot be replaced or deleted.
const filePerm fs.FileMode = 0o600

// exposed cannot know: mode bits do not tell here who may read a file. The home
// folder's access rights protect it.
func exposed(fs.FileMode) bool { return false }
