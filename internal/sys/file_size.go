package sys

import (
	"io"
	"io/fs"
	"math"
	"os"
)

// Unlimited is the size of a file of which only its driver knows what can be mapped: /dev/zero, or
// what has no place in a file system.
const Unlimited = math.MaxInt64

// FileSize returns how many bytes of f there are to map. fixed says that f is a device, which keeps
// its size; Stat has 0 for those.
func FileSize(f *os.File) (size int64, fixed bool, err error) {
	info, err := f.Stat()
	if err != nil {
		return 0, false, err
	}
	switch mode := info.Mode(); {
	case mode&fs.ModeCharDevice != 0 || placeless(info):
		return Unlimited, true, nil
	case mode&fs.ModeDevice != 0:
		size, err = deviceSize(f)
		return size, true, err
	}
	return info.Size(), false, nil
}

// seekSize finds the size of a device by the position of its end. f is where it was afterwards.
func seekSize(f *os.File) (int64, error) {
	at, err := f.Seek(0, io.SeekCurrent)
	if err != nil {
		return 0, err
	}
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return 0, err
	}
	_, err = f.Seek(at, io.SeekStart)
	return size, err
}
