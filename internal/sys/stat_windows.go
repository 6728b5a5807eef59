package sys

import (
	"os"

	"golang.org/x/sys/windows"
)

// Sources: CreateFile, GetFileInformationByHandle and GetFullPathName of the Windows API reference.

// statFile opens the file for nothing but its attributes, which every sharing mode allows. os.Stat
// would look up the file's index only when it is compared, when the path may name another file.
func statFile(path string) (os.FileInfo, error) {
	p, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return nil, err
	}
	const share = windows.FILE_SHARE_READ | windows.FILE_SHARE_WRITE | windows.FILE_SHARE_DELETE
	h, err := windows.CreateFile(p, windows.FILE_READ_ATTRIBUTES, share, nil, windows.OPEN_EXISTING, windows.FILE_FLAG_BACKUP_SEMANTICS, 0) // the flag opens a directory too
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(h), path)
	defer f.Close()
	return f.Stat()
}

func fullPath(path string) (string, error) { return windows.FullPath(path) }
