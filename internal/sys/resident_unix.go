//go:build linux || darwin || freebsd || netbsd || dragonfly

package sys

import (
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// resident is mincore(2), which uses the lowest bit of each byte.
func resident(addr uintptr, n int, pages []byte) error {
	for {
		// SAFETY: the call writes a byte for each page of the range, and pages has as many.
		_, _, errno := unix.Syscall(unix.SYS_MINCORE, addr, uintptr(n), uintptr(unsafe.Pointer(unsafe.SliceData(pages))))
		switch errno {
		case 0:
			for i := range pages {
				pages[i] &= 1
			}
			return nil
		case unix.EAGAIN, unix.EINTR: // the kernel lacks memory for a moment
		default:
			return errno
		}
	}
}

// tellsResident: Linux since 5.2 and NetBSD since 9 tell the truth only to the owner of the file
// and to those who may write it.
func tellsResident(f *os.File) bool {
	tells := false
	_ = onFd(f, func(fd int) error {
		mode, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
		var st unix.Stat_t
		tells = err == nil && mode&unix.O_ACCMODE != unix.O_RDONLY ||
			unix.Fstat(fd, &st) == nil && int(st.Uid) == os.Geteuid() ||
			mayWrite(fd)
		return nil
	})
	return tells
}
