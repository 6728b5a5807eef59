package sys

import (
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// deviceSize asks the block device by an ioctl, which does not move the position of the file. Where
// a sandbox refuses that, it seeks.
func deviceSize(f *os.File) (int64, error) {
	size := new(uint64)
	err := withFd(f, func(fd uintptr) error {
		// SAFETY: size stays alive over the call, which writes the 8 bytes of it.
		if _, _, errno := unix.Syscall(unix.SYS_IOCTL, fd, unix.BLKGETSIZE64, uintptr(unsafe.Pointer(size))); errno != 0 {
			return errno
		}
		return nil
	})
	if err != nil {
		return seekSize(f)
	}
	return int64(*size), nil
}

// placeless reports whether a file has no type: a dma-buf or another object of the kernel, whose
// size Stat does not know.
func placeless(info os.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && stat.Mode&unix.S_IFMT == 0
}
