//go:build !windows

package sys

import "os"

// ReplacesOpenFiles says whether ReplaceFile replaces a file that is open.
const ReplacesOpenFiles = true

// Source: rename(2).
func replaceFile(from, to string) error { return os.Rename(from, to) }
