package sys

import "os"

// ReplaceFile renames f, which CreateFile created at from, to the name of a file in the same
// directory, which it replaces: at each instant the name is that of the old file or of f. Handles
// and mappings of the old file keep it. On Windows a mapped file cannot be replaced; nothing has
// changed then.
func ReplaceFile(f *os.File, from, to string) error {
	if err := before(Call{Op: OpReplaceFile, File: f, Path: to}); err != nil {
		return err
	}
	return replaceFile(from, to)
}
