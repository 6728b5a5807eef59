package sys

import (
	"io/fs"
	"unsafe"

	"golang.org/x/sys/windows"
)

// Source: SetFileInformationByHandle with FileRenameInfoEx, and FILE_RENAME_INFORMATION, of the
// Windows API reference.

// renameInfo is FILE_RENAME_INFO, of a name of some length.
type renameInfo struct {
	flags  uint32
	root   windows.Handle
	length uint32 // of name, bytes
	name   [windows.MAX_LONG_PATH]uint16
}

// replaceFile renames with POSIX semantics, with which the file that is replaced may be open. Where
// a system or file system lacks them it is MoveFileEx, which refuses an open file.
func replaceFile(from, to string) error {
	err := renameOver(from, to)
	if notThere(err) {
		err = moveOver(from, to)
	}
	if err != nil {
		return &fs.PathError{Op: "replace", Path: to, Err: err}
	}
	return nil
}

func renameOver(from, to string) error {
	p, err := windows.UTF16PtrFromString(from)
	if err != nil {
		return err
	}
	to, err = windows.FullPath(to)
	if err != nil {
		return err
	}
	target, err := windows.UTF16FromString(to)
	if err != nil {
		return err
	}
	const share = windows.FILE_SHARE_READ | windows.FILE_SHARE_WRITE | windows.FILE_SHARE_DELETE
	h, err := windows.CreateFile(p, windows.DELETE|windows.SYNCHRONIZE, share, nil, windows.OPEN_EXISTING, windows.FILE_ATTRIBUTE_NORMAL, 0)
	if err != nil {
		return err
	}
	defer windows.CloseHandle(h)
	info := &renameInfo{flags: windows.FILE_RENAME_REPLACE_IF_EXISTS | windows.FILE_RENAME_POSIX_SEMANTICS, length: uint32(2 * (len(target) - 1))}
	copy(info.name[:], target)
	// SAFETY: the call reads the struct that it is told of.
	return windows.SetFileInformationByHandle(h, windows.FileRenameInfoEx, (*byte)(unsafe.Pointer(info)), uint32(unsafe.Sizeof(*info)))
}

func moveOver(from, to string) error {
	f, err := windows.UTF16PtrFromString(from)
	if err != nil {
		return err
	}
	t, err := windows.UTF16PtrFromString(to)
	if err != nil {
		return err
	}
	return windows.MoveFileEx(f, t, windows.MOVEFILE_REPLACE_EXISTING)
}
