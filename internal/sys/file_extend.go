//go:build linux || darwin || windows

package sys

import "os"

// extend makes the file at least n bytes long and never shorter.
func extend(f *os.File, n int64) error {
	info, err := f.Stat()
	if err != nil || info.Size() >= n {
		return err
	}
	return f.Truncate(n)
}
