//go:build linux || darwin || freebsd || netbsd || dragonfly

package sys

//lint:file-ignore SA1019 on macOS, where x/sys wants libSystem, it has no wrapper of mincore(2)

import (
	"bytes"
	"errors"
	"os"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// resident is mincore(2), which uses the lowest bit of each byte.
func resident(addr uintptr, n int, pages []byte) error {
	if !mincoreAnswers() {
		return errors.ErrUnsupported
	}
	if err := mincore(addr, n, pages); err != nil {
		return err
	}
	for i := range pages {
		pages[i] &= 1
	}
	return nil
}

func mincore(addr uintptr, n int, pages []byte) error {
	for {
		// SAFETY: the call writes a byte for each page of the range, and pages has as many.
		_, _, errno := unix.Syscall(unix.SYS_MINCORE, addr, uintptr(n), uintptr(unsafe.Pointer(unsafe.SliceData(pages))))
		switch errno {
		case 0:
			return nil
		case unix.EAGAIN, unix.EINTR: // the kernel lacks memory for a moment
		default:
			return errno
		}
	}
}

// mincoreAnswers reports whether mincore(2) writes one byte for a page. qemu's user mode writes one
// for each page of the machine below, which may be smaller.
var mincoreAnswers = sync.OnceValue(func() bool {
	const untouched = 0xaa
	n := os.Getpagesize()
	addr, err := mmap(0, n, unix.PROT_READ, unix.MAP_PRIVATE|unix.MAP_ANON, NoFile, 0)
	if err != nil {
		return false
	}
	pages := bytes.Repeat([]byte{untouched}, 1+n/512) // no machine has smaller pages
	err = mincore(addr, n, pages)
	return release(addr, n) == nil && err == nil && pages[0] != untouched && pages[1] == untouched
})

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
