package sys

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"runtime"
)

// CheckOpen returns an error that wraps os.ErrClosed if f is closed. It makes no system call.
// File.Fd would put a pipe or socket into blocking mode.
func CheckOpen(f *os.File) error { return withFd(f, func(uintptr) error { return nil }) }

// withFd runs call with the descriptor of f, which neither another goroutine nor the collector can
// close meanwhile.
func withFd(f *os.File, call func(fd uintptr) error) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var result error
	if err := raw.Control(func(fd uintptr) { result = call(fd) }); err != nil {
		return fmt.Errorf("%s: %w", f.Name(), os.ErrClosed) // Control has no other error, and wraps none
	}
	return result
}

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

// WritesShowInMappings says whether a mapping shows what a call writes to its file. OpenBSD has a
// separate buffer cache.
const WritesShowInMappings = runtime.GOOS != "openbsd"

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
