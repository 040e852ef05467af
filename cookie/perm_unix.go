//go:build unix

package cookie

import "io/fs"

// filePerm is the mode of a cookie file that this package makes.
const filePerm fs.FileMode = 0o400

// exposed reports whether group or others have any right on the file.
func exposed(mode fs.FileMode) bool { return mode.Perm()&0o077 != 0 }
