package sys

import (
	"io/fs"
	"os"

	"golang.org/x/sys/windows"
)

// Sources: CreateFile and MoveFileEx of the Windows API reference.

// EntriesNeedSync says whether a new directory entry is durable only after a sync. On Windows the
// file system logs entries, and a directory cannot be flushed.
const EntriesNeedSync = false

func createFile(path, name string, _ fs.FileMode) (*os.File, error) {
	return openHandle("create", path, name, windows.GENERIC_READ|windows.GENERIC_WRITE, windows.CREATE_NEW)
}

func openFile(path string, write bool) (*os.File, error) {
	access := uint32(windows.GENERIC_READ)
	if write {
		access |= windows.GENERIC_WRITE
	}
	return openHandle("open", path, path, access, windows.OPEN_EXISTING)
}

// openHandle is CreateFile with FILE_SHARE_DELETE, which os.OpenFile does not pass. Without it
// nobody can rename the open file, not even its creator, or open it while it is renamed.
func openHandle(op, path, name string, access, how uint32) (*os.File, error) {
	p, err := windows.UTF16PtrFromString(path)
	if err == nil {
		var h windows.Handle
		const share = windows.FILE_SHARE_READ | windows.FILE_SHARE_WRITE | windows.FILE_SHARE_DELETE
		h, err = windows.CreateFile(p, access, share, nil, how, windows.FILE_ATTRIBUTE_NORMAL, 0)
		if err == nil {
			return os.NewFile(uintptr(h), name), nil
		}
	}
	return nil, &fs.PathError{Op: op, Path: name, Err: err}
}

// nameFile is MoveFileEx without the flag that lets it replace a file.
func nameFile(from, to string) error {
	f, err := windows.UTF16PtrFromString(from)
	if err == nil {
		var t *uint16
		if t, err = windows.UTF16PtrFromString(to); err == nil {
			err = windows.MoveFileEx(f, t, 0)
		}
	}
	if err != nil {
		return &fs.PathError{Op: "create", Path: to, Err: err}
	}
	return nil
}

// syncEntry has nothing to do: see EntriesNeedSync.
func syncEntry(*os.File) error { return nil }
