package sys

import (
	"errors"
	"fmt"
	"os"

	"github.com/typedmem/typedmem/flags"
	"golang.org/x/sys/unix"
)

// Sources: mmap(2), madvise(2), fsync_range(2) of NetBSD 10.

const (
	mapNoReserve = unix.MAP_NORESERVE

	fileSync = 0x20 // FFILESYNC of sys/fcntl.h: data and all metadata of the file
	diskSync = 0x40 // FDISKSYNC: the device's own cache too
)

// advices lacks NoCoreDump and TransparentHugePages: the system has no advice for them.
var advices = paging

func mapFlags(r Request) (flag, fd int, err error) {
	flag = sharing(r)
	if r.Flags.Has(flags.NoReserve) {
		flag |= unix.MAP_NORESERVE
	}
	if stackFits(r) {
		flag |= unix.MAP_STACK
	}
	if r.PageSize != 0 {
		return 0, 0, fmt.Errorf("pages of %v: %w", r.PageSize, errors.ErrUnsupported)
	}
	return flag, noFile, nil
}

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
