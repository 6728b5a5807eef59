//go:build !windows

package sys

import "os"

// Source: rename(2).
func replaceFile(from, to string) error { return os.Rename(from, to) }
