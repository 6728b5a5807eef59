package sys

import (
	"errors"
	"os"
)

// Extend makes the file off+n bytes long by writing zeros past its end. So it takes space where
// Allocate cannot set it aside. On error the file keeps its length.
func Extend(f *os.File, off, n int64) error {
	return restoring(f, func() error {
		info, err := f.Stat()
		if err != nil {
			return err
		}
		return zeros(f, max(off, info.Size()), off+n)
	})
}

// restoring calls grow, and on error cuts the file back to its former length.
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
	return zeros(f, off, min(off+n, info.Size()))
}

// zeros writes zeros to the bytes [off, end), at most 1 MiB at once.
func zeros(f *os.File, off, end int64) error {
	block := make([]byte, min(max(end-off, 0), 1<<20))
	for off < end {
		wrote, err := f.WriteAt(block[:min(end-off, int64(len(block)))], off)
		if err != nil {
			return err
		}
		off += int64(wrote)
	}
	return nil
}
