package sys

import (
	"io/fs"

	"golang.org/x/sys/windows"
)

// Source: MoveFileEx of the Windows API reference.

// ReplacesOpenFiles says whether ReplaceFile replaces a file that is open.
const ReplacesOpenFiles = false

func replaceFile(from, to string) error {
	f, err := windows.UTF16PtrFromString(from)
	if err == nil {
		var t *uint16
		if t, err = windows.UTF16PtrFromString(to); err == nil {
			err = windows.MoveFileEx(f, t, windows.MOVEFILE_REPLACE_EXISTING)
		}
	}
	if err != nil {
		return &fs.PathError{Op: "replace", Path: to, Err: err}
	}
	return nil
}
