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

// syncEntry is syncfs(2), which writes the whole file system, with the directory. Where that is
// refused, it syncs the file: file systems with a journal then write the entry of a new file too.
func syncEntry(f *os.File) error {
	err := onFd(f, syncFilesystem)
	if Refused(err) {
		return syncFile(f)
	}
	return err
}

var syncFilesystem = unix.Syncfs // a variable for tests
