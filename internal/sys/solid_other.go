//go:build !linux

package sys

import (
	"os"
	"runtime"
)

// Solid reports whether a store into space that Allocate has set aside always succeeds. NTFS writes
// in place; of other file systems it is not known.
func Solid(*os.File) bool { return runtime.GOOS == "windows" }
