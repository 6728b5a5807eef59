//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package sys

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// Sources: open(2), rename(2) with RENAME_NOREPLACE, renamex_np(2), link(2), syncfs(2), sync(2).

// EntriesNeedSync says whether a new entry of a directory is durable only after a sync.
const EntriesNeedSync = true

// createFile is os.OpenFile, but for the name of the handle.
func createFile(path, name string) (*os.File, error) {
	fd := -1
	err := uninterrupted(func() (err error) {
		fd, err = unix.Open(path, unix.O_RDWR|unix.O_CREAT|unix.O_EXCL|unix.O_CLOEXEC, 0o666)
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

// namings are the ways to give a file its name, the best first: a rename that replaces nothing,
// after which the system knows the open file and its mappings by that name; a second name, and the
// first one removed; a rename that replaces an empty file, made for it under the new name, which
// others see while that lasts.
var namings = []func(from, to string) error{renameNew, linkNew, replaceEmpty}

// nameFile takes the first way that the system and the file system know.
func nameFile(from, to string) (err error) {
	for _, name := range namings {
		if err = name(from, to); err == nil {
			return nil
		}
		if !unknown(err) {
			break
		}
	}
	return &fs.PathError{Op: "create", Path: to, Err: err}
}

// unknown reports whether err is what a call returns that the system, the file system or a sandbox
// does not let anyone use. For one that is refused for a reason of its own the next way finds the
// same reason.
func unknown(err error) bool {
	return err == unix.EINVAL || err == unix.ENOSYS || err == unix.EPERM || err == unix.EACCES || err == unix.EOPNOTSUPP || err == unix.ENOTSUP
}

func linkNew(from, to string) error {
	err := uninterrupted(func() error { return unix.Link(from, to) })
	if err == nil {
		_ = os.Remove(from) // a name too many, which the next create of this file removes
	}
	return err
}

func replaceEmpty(from, to string) error {
	empty, err := createFile(to, to)
	if err != nil {
		return errors.Unwrap(err)
	}
	if err := errors.Join(empty.Close(), os.Rename(from, to)); err != nil {
		return errors.Join(err, os.Remove(to))
	}
	return nil
}
