package sys

import (
	"errors"
	"os"
	"unsafe"

	"golang.org/x/sys/windows"
)

// Sources: DuplicateHandle, SetFileInformationByHandle, FSCTL_SET_ZERO_DATA and LockFileEx of the
// Windows API reference.

// onHandle is withFd for calls that take a handle.
func onHandle(f *os.File, call func(h windows.Handle) error) error {
	return withFd(f, func(fd uintptr) error { return call(windows.Handle(fd)) })
}

func duplicate(f *os.File) (*os.File, error) {
	self := windows.CurrentProcess()
	var h windows.Handle
	err := onHandle(f, func(old windows.Handle) error {
		return windows.DuplicateHandle(self, old, self, &h, 0, false, windows.DUPLICATE_SAME_ACCESS)
	})
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(h), f.Name()), nil
}

// notThere reports whether the system or the file system lacks a request.
func notThere(err error) bool {
	return isAny(err, windows.ERROR_INVALID_FUNCTION, windows.ERROR_NOT_SUPPORTED, windows.ERROR_CALL_NOT_IMPLEMENTED, windows.ERROR_INVALID_PARAMETER)
}

// allocate sets the allocation size, with which a file system keeps space for the bytes past the
// end. Bytes before the end have space already, except in holes of a sparse file.
func allocate(f *os.File, off, n int64) error {
	info, err := f.Stat()
	if err != nil || off+n <= info.Size() {
		return err
	}
	return restoring(f, func() error {
		size := off + n // FILE_ALLOCATION_INFO
		err := onHandle(f, func(h windows.Handle) error {
			// SAFETY: the call reads the 8 bytes that it is told of.
			return windows.SetFileInformationByHandle(h, windows.FileAllocationInfo, (*byte)(unsafe.Pointer(&size)), uint32(unsafe.Sizeof(size)))
		})
		if err != nil && !notThere(err) {
			return err
		}
		return extend(f, off+n)
	})
}

// zero uses FSCTL_SET_ZERO_DATA, which releases space only in a sparse or compressed file. Where
// the file system cannot, or the file is mapped, it writes zeros.
func zero(f *os.File, off, n int64) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	end := min(off+n, info.Size())
	if n <= 0 || end <= off {
		return nil
	}
	hole := [2]int64{off, end} // FILE_ZERO_DATA_INFORMATION: the first byte, and the one after the last
	err = onHandle(f, func(h windows.Handle) error {
		var got uint32
		// SAFETY: the call reads the 16 bytes that it is told of and returns none.
		return windows.DeviceIoControl(h, windows.FSCTL_SET_ZERO_DATA, (*byte)(unsafe.Pointer(&hole)), uint32(unsafe.Sizeof(hole)), nil, 0, &got, nil)
	})
	if notThere(err) || errors.Is(err, windows.ERROR_USER_MAPPED_FILE) {
		return writeZeros(f, off, end-off)
	}
	return err
}

// lockOffset is the byte that stands for the file's writer lock. On Windows a lock keeps others
// from reading and writing the locked bytes, and no file is this long.
const lockOffset = 1<<62 - 1

// lockFile uses LockFileEx, whose locks belong to the open file: a second LockFile of the same one
// returns ErrLocked too.
func lockFile(f *os.File, shared bool) error {
	how := uint32(windows.LOCKFILE_FAIL_IMMEDIATELY)
	if !shared {
		how |= windows.LOCKFILE_EXCLUSIVE_LOCK
	}
	err := onHandle(f, func(h windows.Handle) error {
		return windows.LockFileEx(h, how, 0, 1, 0, lockedByte())
	})
	if isAny(err, windows.ERROR_LOCK_VIOLATION, windows.ERROR_IO_PENDING) {
		return ErrLocked
	}
	return err
}

func unlockFile(f *os.File) error {
	return onHandle(f, func(h windows.Handle) error { return windows.UnlockFileEx(h, 0, 1, 0, lockedByte()) })
}

// lockedByte is lockOffset as the calls take it.
func lockedByte() *windows.Overlapped {
	const offset = uint64(lockOffset)
	return &windows.Overlapped{Offset: uint32(offset & (1<<32 - 1)), OffsetHigh: uint32(offset >> 32)}
}

func syncFile(f *os.File) error { return onHandle(f, windows.FlushFileBuffers) }
