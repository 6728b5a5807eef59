package sys

import (
	"errors"
	"os"
)

// extend makes the file at least n bytes long and never shorter.
func extend(f *os.File, n int64) error {
	info, err := f.Stat()
	if err != nil || info.Size() >= n {
		return err
	}
	return f.Truncate(n)
}

// restoring calls grow and, when that fails, cuts the file back to the length it had.
func restoring(f *os.File, grow func() error) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if err := grow(); err != nil {
		now, statErr := f.Stat()
		if statErr != nil || now.Size() == info.Size() {
			return errors.Join(err, statErr)
		}
		return errors.Join(err, f.Truncate(info.Size()))
	}
	return nil
}

// writeZeros overwrites the part of [off, off+n) that lies inside the file with zeros.
func writeZeros(f *os.File, off, n int64) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	n = min(n, info.Size()-off)
	block := make([]byte, min(max(n, 0), 1<<20))
	for n > 0 {
		wrote, err := f.WriteAt(block[:min(n, int64(len(block)))], off)
		if err != nil {
			return err
		}
		off += int64(wrote)
		n -= int64(wrote)
	}
	return nil
}
