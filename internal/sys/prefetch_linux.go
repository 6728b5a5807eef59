package sys

import (
	"os"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Sources: process_madvise(2), pidfd_open(2), madvise(2) and force_page_cache_ra of the kernel's
// mm/readahead.c.

// hintPiece is the most that one hint covers, in bytes. The kernel reads no more for one than the
// device's read-ahead, which is 128 KiB unless somebody has set it.
const hintPiece = 128 << 10

// prefetch hints many ranges with one process_madvise(2) on this process. Where that is refused
// there is a call for each range.
func prefetch(ranges []Range) error {
	var batch [64]Range
	used := 0
	for _, r := range ranges {
		for r.N > 0 {
			batch[used] = Range{r.Addr, min(r.N, hintPiece)}
			r.Addr, r.N = r.Addr+uintptr(batch[used].N), r.N-batch[used].N
			if used++; used == len(batch) {
				hint(batch[:])
				used = 0
			}
		}
	}
	hint(batch[:used])
	return nil
}

// hint hints each range. The system stops at one that it cannot do; the next call begins after it.
func hint(ranges []Range) {
	fd := self()
	for fd >= 0 && len(ranges) > 1 {
		done, errno := processMadvise(fd, ranges, unix.MADV_WILLNEED)
		if errno != 0 {
			done = 0
		}
		for len(ranges) > 0 && done >= ranges[0].N {
			done, ranges = done-ranges[0].N, ranges[1:]
		}
		if len(ranges) > 0 {
			ranges = ranges[1:]
		}
	}
	for _, r := range ranges {
		_ = unix.Madvise(bytesAt(r.Addr, r.N), unix.MADV_WILLNEED)
	}
}

// processMadvise is process_madvise(2). It returns how many bytes the kernel has advised.
func processMadvise(fd int, ranges []Range, advice int) (done int, errno unix.Errno) {
	// SAFETY: a Range has the layout of struct iovec; the call reads as many as it is told of.
	r, _, errno := unix.Syscall6(unix.SYS_PROCESS_MADVISE, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(ranges))), uintptr(len(ranges)), uintptr(advice), 0, 0)
	return int(r), errno
}

// self returns a descriptor of this process for process_madvise(2), or -1 where that call is
// missing, refused, or does not tell what it did. It stays open.
var self = sync.OnceValue(func() int {
	fd, err := unix.PidfdOpen(os.Getpid(), 0)
	if err != nil {
		return -1
	}
	n := os.Getpagesize()
	addr, err := mmap(0, n, unix.PROT_READ, unix.MAP_PRIVATE|unix.MAP_ANON, noFile, 0)
	if err == nil {
		done, errno := processMadvise(fd, []Range{{addr, n}}, unix.MADV_WILLNEED)
		if release(addr, n) == nil && errno == 0 && done == n {
			return fd
		}
	}
	_ = unix.Close(fd)
	return -1
})
