package sys

import (
	"errors"
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/windows"
)

// Source: FSCTL_DUPLICATE_EXTENTS_TO_FILE of the Windows API reference.

// duplicateExtents is DUPLICATE_EXTENTS_DATA, in which a handle of 32 bits takes 64 too.
type duplicateExtents struct {
	file                  uint64
	source, target, count int64
}

func cloneRange(dst, src *os.File, off, n int64) error {
	if err := extend(dst, off+n); err != nil {
		return err
	}
	err := onHandle(src, func(from windows.Handle) error {
		return onHandle(dst, func(to windows.Handle) error {
			in := duplicateExtents{uint64(from), off, off, n}
			var got uint32
			// SAFETY: the call reads the struct that it is told of.
			return windows.DeviceIoControl(to, windows.FSCTL_DUPLICATE_EXTENTS_TO_FILE, (*byte)(unsafe.Pointer(&in)), uint32(unsafe.Sizeof(in)), nil, 0, &got, nil)
		})
	})
	if notThere(err) || errors.Is(err, windows.ERROR_NOT_SAME_DEVICE) || errors.Is(err, windows.ERROR_BLOCK_TOO_MANY_REFERENCES) {
		return fmt.Errorf("%w: %w", errors.ErrUnsupported, err)
	}
	return err
}

func copyRange(*os.File, *os.File, int64, int64) (int64, error) { return 0, errors.ErrUnsupported }
