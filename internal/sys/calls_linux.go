package sys

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/typedmem/typedmem/flags"
	"golang.org/x/sys/unix"
)

// Sources: mmap(2), mprotect(2), madvise(2), mlock(2), msync(2), fallocate(2), flock(2),
// proc_pid_maps(5) and Documentation/admin-guide/mm/hugetlbpage.rst of the kernel.

const (
	mapNoReserve = unix.MAP_NORESERVE
	mapNoReplace = unix.MAP_FIXED_NOREPLACE // before Linux 4.17 the address is only a hint
	mapJIT       = 0                        // memory may be writable and executable at once without a flag

	mapHugeShift = 26 // MAP_HUGE_SHIFT: where the flags of mmap hold the log2 of the huge page size
)

var advices = []advice{
	{flag: flags.NoCoreDump, advice: unix.MADV_DONTDUMP},
	{flag: flags.TransparentHugePages, advice: unix.MADV_HUGEPAGE},
	{flag: flags.Sequential, advice: unix.MADV_SEQUENTIAL},
	{flag: flags.RandomAccess, advice: unix.MADV_RANDOM},
	{flag: flags.WillNeed, advice: unix.MADV_WILLNEED, ignore: []error{unix.EBADF}},
	{flag: flags.DontNeed, advice: unix.MADV_DONTNEED},
	{flag: flags.Cold, advice: unix.MADV_COLD},
	{flag: flags.PageOut, advice: unix.MADV_PAGEOUT},
	{flag: flags.Free, advice: unix.MADV_FREE},
	// EAGAIN, EBUSY, ENOMEM: no huge page to be had now, or a page is in use elsewhere.
	{flag: flags.Collapse, advice: unix.MADV_COLLAPSE, ignore: []error{unix.EAGAIN, unix.EBUSY, unix.ENOMEM}},
	{flag: flags.NoHugePages, advice: unix.MADV_NOHUGEPAGE},
	{flag: flags.DontFork, advice: unix.MADV_DONTFORK},
	{flag: flags.Mergeable, advice: unix.MADV_MERGEABLE, ignore: []error{unix.EAGAIN, unix.ENOMEM}},
}

func giveAdvice(addr uintptr, n, advice int) error { return unix.Madvise(bytesAt(addr, n), advice) }

// FlushNeedsFile says whether Flush must be given a handle of the mapped file. Here msync does all
// that fsync does.
const FlushNeedsFile = false

// mapFlags returns the flags of mmap(2) for the request, and the descriptor that stands for memory.
func mapFlags(r Request) (flag, fd int, err error) {
	flag = sharing(r)
	if r.Flags.Has(flags.Populate) {
		flag |= unix.MAP_POPULATE
	}
	if r.Flags.Has(flags.Stack) {
		flag |= unix.MAP_STACK
	}
	if r.PageSize != 0 {
		flag |= unix.MAP_HUGETLB | int(r.PageSize)<<mapHugeShift
	}
	return flag, NoFile, nil
}

// populate has nothing to do: MAP_POPULATE did it.
func populate(uintptr, Request) {}

func prefault(addr uintptr, n int, write bool) error {
	how := unix.MADV_POPULATE_READ
	if write {
		how = unix.MADV_POPULATE_WRITE
	}
	if !madviseAnswers() {
		return errors.ErrUnsupported
	}
	switch err := uninterrupted(func() error { return unix.Madvise(bytesAt(addr, n), how) }); err {
	case unix.EINVAL: // before Linux 5.14
		return errors.ErrUnsupported
	case unix.EFAULT, unix.EHWPOISON:
		return fmt.Errorf("%w: %w", ErrNoPage, err)
	default:
		return err
	}
}

// madviseAnswers reports whether madvise(2) refuses unknown advice. qemu's user mode accepts any
// advice and does nothing, so that it would report no missing page.
var madviseAnswers = sync.OnceValue(func() bool {
	const unknown = 0x7fff
	n := os.Getpagesize()
	// A mapped page, since everyone refuses an unaligned address.
	addr, err := mmap(0, n, unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANON, NoFile, 0)
	if err != nil {
		return false
	}
	answer := unix.Madvise(bytesAt(addr, n), unknown)
	return release(addr, n) == nil && answer != nil
})

// drop is MADV_DONTNEED, which fails for pages that are locked in memory.
func drop(addr uintptr, n int) error {
	if !madviseAnswers() {
		return unix.ENOSYS
	}
	err := unix.Madvise(bytesAt(addr, n), unix.MADV_DONTNEED)
	if err == unix.EINVAL {
		err = unix.Madvise(bytesAt(addr, n), unix.MADV_DONTNEED_LOCKED) // since Linux 5.18
	}
	if err == unix.EINVAL {
		if err = unlock(addr, n); err == nil {
			err = unix.Madvise(bytesAt(addr, n), unix.MADV_DONTNEED)
		}
	}
	return err
}

// failure returns the error of a system call.
func failure(_, _ uintptr, errno unix.Errno) error {
	if errno != 0 {
		return errno
	}
	return nil
}

// allocate makes the file longer with ftruncate(2), and uses fallocate(2) for the space alone. When
// fallocate moves the end of the file inside a page that is mapped for writing, ext4 with blocks
// smaller than a page loses later stores to that page (seen on Linux 6.1).
func allocate(f *os.File, off, n int64) error {
	return restoring(f, func() error {
		if err := extend(f, off+n); err != nil {
			return err
		}
		if err := before(Call{Op: OpSetAside, File: f, Offset: off, Len: int(n)}); err != nil {
			return err
		}
		return fallocate(f, unix.FALLOC_FL_KEEP_SIZE, off, n)
	})
}

func fallocate(f *os.File, mode uint32, off, n int64) error {
	return onFd(f, func(fd int) error { return unix.Fallocate(fd, mode, off, n) })
}

// zero punches a hole of whole pages and writes zeros to the rest at both ends. Where blocks are
// smaller than a page, a page with a hole in it needs space when a mapping writes to its data. If
// there is none for the zeros, the hole takes the rest too.
func zero(f *os.File, off, n int64) error {
	if n <= 0 {
		return nil
	}
	page := int64(PageSize())
	lo, hi := (off+page-1)/page*page, (off+n)/page*page
	if lo >= hi {
		lo, hi = off+n, off+n
	}
	err := errors.Join(writeZeros(f, off, lo-off), writeZeros(f, hi, off+n-hi))
	if errors.Is(err, ErrNoSpace) {
		err, lo, hi = nil, off, off+n
	}
	if err == nil && lo < hi {
		err = fallocate(f, unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, lo, hi-lo)
	}
	return err
}

func syncFile(f *os.File) error {
	err := onFd(f, unix.Fdatasync)
	if Refused(err) {
		return f.Sync()
	}
	return err
}

// hugePages is the directory with one entry for each size of huge pages. Kernels without huge pages
// lack it.
var hugePages = "/sys/kernel/mm/hugepages"

func pageSizes() (flags.PageSizes, error) {
	base, _ := flags.PageSizeOf(int64(os.Getpagesize()))
	set := flags.Sizes(base)
	dirs, err := os.ReadDir(hugePages)
	if errors.Is(err, fs.ErrNotExist) {
		if _, there := os.Stat(filepath.Dir(hugePages)); there == nil {
			return set, nil
		}
		return set, fmt.Errorf("sysfs, which lists the sizes of huge pages, is not mounted: %w", err)
	}
	if err != nil {
		return set, err
	}
	for _, dir := range dirs {
		var kb int64
		if _, err := fmt.Sscanf(dir.Name(), "hugepages-%dkB", &kb); err != nil {
			continue // not a size
		}
		if p, ok := flags.PageSizeOf(kb << 10); ok {
			set |= flags.Sizes(p)
		}
	}
	return set, nil
}

func hugePageSize() (flags.PageSize, error) {
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		var kb int64
		if _, err := fmt.Sscanf(line, "Hugepagesize: %d kB", &kb); err == nil {
			if p, ok := flags.PageSizeOf(kb << 10); ok {
				return p, nil
			}
		}
	}
	return 0, fmt.Errorf("the kernel has no huge pages: %w", errors.ErrUnsupported)
}
