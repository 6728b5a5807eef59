//go:build !windows

package sys

import (
	"os"
	"syscall"
)

// Sources: stat(2), getcwd(3).

func statFile(path string) (os.FileInfo, error) { return os.Stat(path) }

// fullPath asks the system for the working directory, since $PWD may have symbolic links, and
// leaves the path's ".." to it, since they may follow one.
func fullPath(path string) (string, error) {
	if path == "" || os.IsPathSeparator(path[0]) {
		return path, nil
	}
	dir, err := syscall.Getwd()
	return dir + "/" + path, err
}
