package sys

import "os"

// ReplaceFile renames f, which CreateFile created at from, to the name of a file in the same
// directory, which it replaces: at each instant the name is that of the old file or of f. Handles
// and mappings of the old file keep it; see ReplacesOpenFiles.
func ReplaceFile(f *os.File, from, to string) error {
	if err := before(Call{Op: OpReplaceFile, File: f, Path: to}); err != nil {
		return err
	}
	return replaceFile(from, to)
}

// CopyOwner gives dst the owner and group of src, as far as this process may. Windows files keep
// the owner that made them.
func CopyOwner(dst, src *os.File) error { return copyOwner(dst, src) }
