package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// newFile makes a file that has no name, so that nothing is left of it when the process is killed.
// Where the file system cannot do that it has a temporary name.
func newFile(path string) (*os.File, func(failed error) error, error) {
	f, err := os.OpenFile(filepath.Dir(path), os.O_WRONLY|unix.O_TMPFILE, 0o666)
	if err != nil {
		return newTemporary(path)
	}
	number := fmt.Sprintf("/proc/self/fd/%d", f.Fd())
	if _, err := os.Stat(number); err != nil { // there is no /proc to name it by
		if err := f.Close(); err != nil {
			return nil, nil, err
		}
		return newTemporary(path)
	}
	return f, func(failed error) error {
		if failed == nil {
			failed = asked(unix.Linkat(unix.AT_FDCWD, number, unix.AT_FDCWD, path, unix.AT_SYMLINK_FOLLOW), path)
		}
		return errors.Join(failed, f.Close())
	}, nil
}
