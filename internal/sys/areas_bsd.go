//go:build darwin || freebsd || netbsd || openbsd

package sys

import (
	"os"

	"github.com/typedmem/typedmem/flags"
	"golang.org/x/sys/unix"
)

// protOfBits turns the protection bits of mmap(2) into a Protection. The systems' lists of areas
// use them too.
func protOfBits(bits uint32) flags.Protection {
	return protOf(bits&unix.PROT_READ != 0, bits&unix.PROT_WRITE != 0, bits&unix.PROT_EXEC != 0)
}

// processID resolves 0, which stands for this process.
func processID(pid int) int {
	if pid == 0 {
		return os.Getpid()
	}
	return pid
}

// yieldInside yields an area if it overlaps [lo, hi). more is false if no later area is wanted.
func yieldInside(a Area, lo, hi uintptr, yield func(Area) bool) (more bool) {
	if a.Start >= hi {
		return false
	}
	return a.End <= lo || yield(a)
}
