package sys

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"runtime"
	"unsafe"

	"github.com/typedmem/typedmem/flags"
	"golang.org/x/sys/unix"
)

// Sources: mmap(2), madvise(2), getpagesizes(3), posix_fallocate(2), fspacectl(2), fsync(2) of
// FreeBSD 14.

// mapNoReserve is 0: the system has no MAP_NORESERVE.
const mapNoReserve = 0

var advices = append([]advice{{flag: flags.NoCoreDump, advice: unix.MADV_NOCORE}}, paging...)

// mapFlags passes MAP_ALIGNED_SUPER for the smallest superpage size. Larger sizes need
// shm_create_largepage(3).
func mapFlags(r Request) (flag, fd int, err error) {
	flag = sharing(r) | stackFlag(r)
	if r.PageSize != 0 {
		if super, err := hugePageSize(); err != nil || r.PageSize != super {
			return 0, 0, fmt.Errorf("pages of %v: %w", r.PageSize, errors.ErrUnsupported)
		}
		flag |= unix.MAP_ALIGNED_SUPER
	}
	return flag, NoFile, nil
}

// pageSizes reads hw.pagesizes, a zero-terminated array of u_long: the base page and the
// superpages.
func pageSizes() (flags.PageSizes, error) {
	list, err := unix.SysctlRaw("hw.pagesizes")
	if err != nil {
		return 0, fmt.Errorf("hw.pagesizes: %w", err)
	}
	var set flags.PageSizes
	const word = int(unsafe.Sizeof(uintptr(0)))
	for ; len(list) >= word; list = list[word:] {
		bytes := int64(binary.NativeEndian.Uint32(list))
		if word == 8 {
			bytes = int64(binary.NativeEndian.Uint64(list))
		}
		if p, ok := flags.PageSizeOf(bytes); ok {
			set |= flags.Sizes(p)
		}
	}
	return set, nil
}

func hugePageSize() (flags.PageSize, error) {
	set, err := pageSizes()
	if err != nil {
		return 0, err
	}
	for p := range set.All() {
		if p.Bytes() > int64(os.Getpagesize()) {
			return p, nil
		}
	}
	return 0, fmt.Errorf("the processor has no superpages: %w", errors.ErrUnsupported)
}

// allocate is posix_fallocate(2), which makes the file longer too. File systems without it, such as
// ZFS, return EINVAL or EOPNOTSUPP.
func allocate(f *os.File, off, n int64) error {
	return restoring(f, func() error {
		err := onFd(f, func(fd int) error {
			if errno := posixFallocate(fd, off, n); errno != 0 {
				return errno
			}
			return nil
		})
		if err == unix.ENODEV {
			return errors.ErrUnsupported
		}
		return err
	})
}

// posixFallocate passes each 64-bit number in two registers on 32-bit processors, on arm in an even
// and an odd one. The kernel returns the error as the result.
func posixFallocate(fd int, off, n int64) unix.Errno {
	args := [5]uintptr{uintptr(off), uintptr(n)}
	switch runtime.GOARCH {
	case "386":
		args = [5]uintptr{uintptr(off), uintptr(off >> 32), uintptr(n), uintptr(n >> 32)}
	case "arm":
		args = [5]uintptr{0, uintptr(off), uintptr(off >> 32), uintptr(n), uintptr(n >> 32)}
	}
	result, _, errno := unix.Syscall6(unix.SYS_POSIX_FALLOCATE, uintptr(fd), args[0], args[1], args[2], args[3], args[4])
	if errno != 0 {
		return errno
	}
	return unix.Errno(result)
}

const (
	spacectlCall    = 580     // SYS_fspacectl of sys/syscall.h
	spacectlSince   = 1400032 // kern.osreldate of the first kernel that has it; older ones kill the caller with SIGSYS
	spacectlDealloc = 1       // SPACECTL_DEALLOC of sys/fcntl.h
)

// spacectlRange is struct spacectl_range of sys/fcntl.h.
type spacectlRange struct{ offset, length int64 }

// zero is fspacectl(2), which writes zeros itself where the file system punches no holes.
func zero(f *os.File, off, n int64) error {
	if n <= 0 {
		return nil
	}
	if release, err := unix.SysctlUint32("kern.osreldate"); err != nil || release < spacectlSince {
		return writeZeros(f, off, n)
	}
	left := &spacectlRange{offset: off, length: n}
	err := onFd(f, func(fd int) error {
		for left.length > 0 {
			before := *left
			// SAFETY: left stays alive over the call, which reads it and writes back what remains
			// to be done.
			_, _, errno := unix.Syscall6(spacectlCall, uintptr(fd), spacectlDealloc, uintptr(unsafe.Pointer(left)), 0, uintptr(unsafe.Pointer(left)), 0)
			switch {
			case errno != 0:
				return errno
			case *left == before:
				return fmt.Errorf("fspacectl made no progress at offset %d", left.offset)
			}
		}
		return nil
	})
	switch err {
	case unix.EINVAL, unix.ENODEV, unix.EOPNOTSUPP:
		return writeZeros(f, left.offset, left.length)
	}
	return err
}

func syncFile(f *os.File) error { return f.Sync() }

// bootID is kern.boot_id, random bytes made at each boot (sys/kern/kern_mib.c).
func bootID() (id [16]byte, ok bool) {
	bytes, err := unix.SysctlRaw("kern.boot_id")
	if err != nil || len(bytes) != len(id) {
		return id, false
	}
	return [16]byte(bytes), true
}
