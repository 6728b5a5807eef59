package sys

import (
	"os"

	"golang.org/x/sys/unix"
)

// Hole returns where the first hole of the file begins in [off, end), or end if there is none.
// Space that Allocate set aside may count as a hole until it is written. Hole moves the position of
// the file.
func Hole(f *os.File, off, end int64) int64 {
	at := off
	_ = onFd(f, func(fd int) (err error) {
		if at, err = unix.Seek(fd, off, unix.SEEK_HOLE); err != nil {
			at = off // unknown
		}
		return nil
	})
	return min(at, end)
}
