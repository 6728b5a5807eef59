package sys

import (
	"io"
	"io/fs"
	"math"
	"os"
)

// Unlimited is the size of a file whose size only its driver knows, such as /dev/zero, or that is
// in no file system.
const Unlimited = math.MaxInt64

// FileSize returns how many bytes of f can be mapped. fixed says that f is a device, whose size
// never changes; Stat returns 0 for devices.
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

// seekSize finds the size of a device by seeking to its end, and restores the position of f.
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
