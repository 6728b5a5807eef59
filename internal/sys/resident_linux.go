package sys

import (
	"fmt"
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
		case unix.EAGAIN: // the kernel lacks memory for a moment
		default:
			return errno
		}
	}
}

// tellsResident: since Linux 5.2 mincore(2) tells the truth only to the owner of the file and to
// those who may write it.
func tellsResident(f *os.File) bool {
	tells := false
	_ = onFd(f, func(fd int) error {
		if mode, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0); err == nil && mode&unix.O_ACCMODE != unix.O_RDONLY {
			tells = true
			return nil
		}
		var st unix.Stat_t
		if unix.Fstat(fd, &st) == nil && int(st.Uid) == os.Geteuid() {
			tells = true
			return nil
		}
		tells = unix.Faccessat(unix.AT_FDCWD, fmt.Sprintf("/proc/self/fd/%d", fd), unix.W_OK, unix.AT_EACCESS) == nil
		return nil
	})
	return tells
}
