package sys

import (
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// deviceSize asks the block device. An ioctl leaves the position of the file alone; where a sandbox
// refuses it, the position tells.
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

// placeless tells a file of no type: a dma-buf or another object of the kernel, whose size Stat
// does not know.
func placeless(info os.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && stat.Mode&unix.S_IFMT == 0
}
