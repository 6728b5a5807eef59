package sys

import (
	"os"

	"golang.org/x/sys/unix"
)

func renameNew(from, to string) error {
	return uninterrupted(func() error {
		return unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_NOREPLACE)
	})
}

// syncEntry is syncfs(2): the whole file system, and the directory with it. Where that may not be
// called, the file's own sync: file systems with a journal write the entry of a file that is new
// with it.
func syncEntry(f *os.File) error {
	err := onFd(f, syncFilesystem)
	if unknown(err) {
		return syncFile(f)
	}
	return err
}

var syncFilesystem = unix.Syncfs // a variable for tests
