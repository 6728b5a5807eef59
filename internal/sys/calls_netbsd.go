package sys

import (
	"os"

	"golang.org/x/sys/unix"
)

// Sources: mmap(2), madvise(2), fsync_range(2) of NetBSD 10.

const (
	mapNoReserve = unix.MAP_NORESERVE
	mapConceal   = 0 // nothing keeps memory out of core dumps

	fileSync = 0x20 // FFILESYNC of sys/fcntl.h: data and all metadata of the file
	diskSync = 0x40 // FDISKSYNC: the device's own cache too
)

// advices lacks NoCoreDump and TransparentHugePages: the system has no advice for them.
var advices = paging

// syncFile is fsync_range(2) over the whole file. It fails with EOPNOTSUPP or ENOTTY on a device
// without a cache to flush.
func syncFile(f *os.File) error {
	err := onFd(f, func(fd int) error {
		_, _, errno := unix.Syscall6(unix.SYS_FSYNC_RANGE, uintptr(fd), fileSync|diskSync, 0, 0, 0, 0)
		return errno
	})
	switch err {
	case unix.Errno(0):
		return nil
	case unix.EOPNOTSUPP, unix.ENOTTY, unix.EINVAL, unix.ENODEV:
		return f.Sync()
	}
	return err
}
