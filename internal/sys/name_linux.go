package sys

import (
	"os"

	"golang.org/x/sys/unix"
)

func renameNew(from, to string) error {
	return ignoringInterrupts(func() error {
		return unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_NOREPLACE)
	})
}

// syncEntry is syncfs(2): the whole file system, and the directory with it.
func syncEntry(f *os.File) error {
	return onFd(f, func(fd int) error { return ignoringInterrupts(func() error { return unix.Syncfs(fd) }) })
}
