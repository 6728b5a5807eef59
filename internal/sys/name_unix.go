//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package sys

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// Sources: open(2), rename(2) with RENAME_NOREPLACE, renamex_np(2), link(2), syncfs(2), sync(2).

// EntriesNeedSync says whether a new directory entry is durable only after a sync.
const EntriesNeedSync = true

// createFile is os.OpenFile with a name for the handle.
func createFile(path, name string, perm fs.FileMode) (*os.File, error) {
	fd := -1
	err := uninterrupted(func() (err error) {
		fd, err = unix.Open(path, unix.O_RDWR|unix.O_CREAT|unix.O_EXCL|unix.O_CLOEXEC, uint32(perm.Perm()))
		return err
	})
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	return os.NewFile(uintptr(fd), name), nil
}

func openFile(path string, write bool) (*os.File, error) {
	mode := os.O_RDONLY
	if write {
		mode = os.O_RDWR
	}
	return os.OpenFile(path, mode, 0)
}

// namings are the ways to give a file its name, the best first:
//   - A rename that replaces nothing. The system then knows the open file and its mappings by that
//     name.
//   - A second name; then the first one is removed.
//   - A rename that replaces an empty file, created under the new name. Others see the empty file
//     meanwhile.
var namings = []func(from, to string) error{renameNew, linkNew, replaceEmpty}

// nameFile uses the first way that the system, the file system and a sandbox support. If a call
// failed for another reason, the next way fails for the same reason.
func nameFile(from, to string) (err error) {
	for _, name := range namings {
		if err = name(from, to); err == nil {
			return nil
		}
		if !Refused(err) {
			break
		}
	}
	return &fs.PathError{Op: "create", Path: to, Err: err}
}

func linkNew(from, to string) error {
	err := uninterrupted(func() error { return unix.Link(from, to) })
	if err == nil {
		_ = os.Remove(from) // if it fails, the next create of this file removes the extra name
	}
	return err
}

func replaceEmpty(from, to string) error {
	empty, err := createFile(to, to, 0o666)
	if err != nil {
		return errors.Unwrap(err)
	}
	if err := errors.Join(empty.Close(), os.Rename(from, to)); err != nil {
		return errors.Join(err, os.Remove(to))
	}
	return nil
}
