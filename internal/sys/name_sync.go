//go:build darwin || freebsd || netbsd || openbsd || dragonfly

package sys

import (
	"os"

	"golang.org/x/sys/unix"
)

// syncEntry is sync(2), which hands the directory to the device, then a sync of the file, which
// empties the device's cache.
func syncEntry(f *os.File) error {
	_ = unix.Sync()
	return syncFile(f)
}
