package sys

import (
	"errors"
	"fmt"
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
		done, _ := adviseAll(fd, ranges, unix.MADV_WILLNEED)
		ranges = ranges[min(done+1, len(ranges)):]
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

// adviseAll gives advice about as many ranges as one call takes, and returns how many of them it
// was done for.
func adviseAll(fd int, ranges []Range, advice int) (done int, err error) {
	bytes, errno := processMadvise(fd, ranges, advice)
	if errno != 0 {
		return 0, errno
	}
	for done < len(ranges) && bytes >= ranges[done].N {
		bytes -= ranges[done].N
		done++
	}
	return done, nil
}

// prefaultAll is process_madvise(2) with MADV_POPULATE_READ, which Linux allows since 6.13 for the
// calling process.
func prefaultAll(ranges []Range) (done int, err error) {
	fd := self()
	if fd < 0 || !populatesMany() {
		return 0, errors.ErrUnsupported
	}
	for done < len(ranges) {
		part := ranges[done:min(done+prefaultMost, len(ranges))]
		n, err := adviseAll(fd, part, unix.MADV_POPULATE_READ)
		done += n
		switch {
		case err == unix.EINTR:
		case err == unix.EFAULT || err == unix.EHWPOISON:
			return done, fmt.Errorf("%w: %w", ErrNoPage, err)
		case err != nil:
			return done, err
		case n == 0: // a part of the first range came
			return done, ErrNoPage
		}
	}
	return done, nil
}

// prefaultMost is how many ranges one call brings in: the kernel takes at most 1,024 (UIO_MAXIOV).
const prefaultMost = 256

// self returns a descriptor of this process for process_madvise(2), or -1 where that call is
// missing, refused, or does not tell what it did. It stays open.
var self = sync.OnceValue(func() int {
	fd, err := unix.PidfdOpen(os.Getpid(), 0)
	if err != nil {
		return -1
	}
	if takes(fd, unix.MADV_WILLNEED) {
		return fd
	}
	_ = unix.Close(fd)
	return -1
})

// populatesMany reports whether process_madvise(2) brings pages in. An emulator may accept any
// advice and do nothing.
var populatesMany = sync.OnceValue(func() bool {
	const unknown = 0x7fff
	return madviseAnswers() && takes(self(), unix.MADV_POPULATE_READ) && !takes(self(), unknown)
})

// takes reports whether process_madvise(2) takes an advice about a mapped page.
func takes(fd, advice int) bool {
	n := os.Getpagesize()
	addr, err := mmap(0, n, unix.PROT_READ, unix.MAP_PRIVATE|unix.MAP_ANON, NoFile, 0)
	if err != nil {
		return false
	}
	done, errno := processMadvise(fd, []Range{{addr, n}}, advice)
	return release(addr, n) == nil && errno == 0 && done == n
}
