//go:build darwin || freebsd || netbsd || openbsd || dragonfly

package sys

import (
	"errors"

	"golang.org/x/sys/unix"
)

// drop: MADV_DONTNEED may leave the contents on these systems.
func drop(uintptr, int) error { return errors.ErrUnsupported }

// reserveAgain reserves a range that was just unmapped, unless another thread has taken it.
func reserveAgain(addr uintptr, n int) bool {
	got, err := mmap(addr, n, unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANON|mapNoReserve, noFile, 0)
	if err == nil && got != addr {
		_ = munmap(got, n)
	}
	return err == nil && got == addr
}
