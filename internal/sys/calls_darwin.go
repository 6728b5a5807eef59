package sys

import (
	"errors"
	"fmt"
	"os"
	"runtime"

	"github.com/typedmem/typedmem/flags"
	"golang.org/x/sys/unix"
)

// macOS and iOS. Sources: mmap(2), madvise(2), fcntl(2) of macOS 15, and xnu's bsd/kern/kern_mman.c
// and mach/vm_statistics.h.

const (
	mapNoReserve = unix.MAP_NORESERVE

	// MAP_JIT must be given when addresses are reserved: xnu's mmap refuses it with MAP_FIXED,
	// MAP_SHARED or a file. mprotect(2) later adds the memory, as V8 does for its code ranges
	// (kNoAccessWillJitLater). A range that Hold released has lost the flag.
	mapJIT = unix.MAP_JIT

	superpage2M = 2 << 16 // VM_FLAGS_SUPERPAGE_SIZE_2MB of mach/vm_statistics.h; mmap(2) takes it as the descriptor
)

// advices lacks NoCoreDump and what concerns huge pages: the system has no advice for them. Its
// MADV_PAGEOUT is refused by the kernels that are shipped.
var advices = paging

// mapFlags passes MAP_JIT where the kernel takes it: for private memory at a place that the kernel
// chooses. Elsewhere the system may refuse memory that is writable and executable, as on Apple
// silicon.
func mapFlags(r Request) (flag, fd int, err error) {
	flag, fd = sharing(r), NoFile
	if takesJIT(r) {
		flag |= mapJIT
	}
	if r.PageSize != 0 {
		if runtime.GOARCH != "amd64" || r.PageSize != flags.Page2M || r.File != nil {
			return 0, 0, fmt.Errorf("pages of %v: %w", r.PageSize, errors.ErrUnsupported)
		}
		fd = superpage2M
	}
	return flag, fd, nil
}

// pageSizes: only Intel processors have superpages (mmap(2), VM_FLAGS_SUPERPAGE_SIZE).
func pageSizes() (flags.PageSizes, error) {
	base, _ := flags.PageSizeOf(int64(os.Getpagesize()))
	if runtime.GOARCH == "amd64" {
		return flags.Sizes(base, flags.Page2M), nil
	}
	return flags.Sizes(base), nil
}

func hugePageSize() (flags.PageSize, error) {
	if runtime.GOARCH == "amd64" {
		return flags.Page2M, nil
	}
	return 0, fmt.Errorf("the processor has no superpages: %w", errors.ErrUnsupported)
}

// newStore returns the argument of fcntl(2)'s F_PREALLOCATE on the heap: FcntlFstore passes the
// pointer as a number, which would be stale after the stack moved.
//
//go:noinline
func newStore(s unix.Fstore_t) *unix.Fstore_t { return &s }

// fcntlStore is fcntl(2) with a struct fstore. A struct fpunchhole begins with the same fields
// under other names.
func fcntlStore(f *os.File, command int, s unix.Fstore_t) error {
	return onFd(f, func(fd int) error {
		arg := newStore(s)
		defer runtime.KeepAlive(arg)
		return unix.FcntlFstore(uintptr(fd), command, arg)
	})
}

// allocate asks for space past the end of the file (F_PREALLOCATE), contiguous or not, and makes
// the file longer. The system cannot fill holes within the file.
func allocate(f *os.File, off, n int64) error {
	return restoring(f, func() error {
		info, err := f.Stat()
		if err != nil {
			return err
		}
		more := off + n - info.Size()
		if more <= 0 {
			return nil
		}
		want := unix.Fstore_t{Flags: unix.F_ALLOCATEALL, Posmode: unix.F_PEOFPOSMODE, Length: more}
		switch err := fcntlStore(f, unix.F_PREALLOCATE, want); err {
		case nil:
			return extend(f, off+n)
		case unix.ENOTTY:
			return errors.ErrUnsupported
		default:
			return err
		}
	})
}

// zero punches a hole of whole blocks (F_PUNCHHOLE) and writes zeros to the rest at both ends.
func zero(f *os.File, off, n int64) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	end := off + min(n, info.Size()-off)
	if end <= off {
		return nil
	}
	var fs unix.Statfs_t
	if err := onFd(f, func(fd int) error { return unix.Fstatfs(fd, &fs) }); err != nil {
		return err
	}
	block := max(int64(fs.Bsize), 1)
	first, last := (off+block-1)/block*block, end/block*block
	if first >= last {
		return writeZeros(f, off, end-off)
	}
	hole := unix.Fstore_t{Offset: first, Length: last - first}
	switch err := fcntlStore(f, unix.F_PUNCHHOLE, hole); err {
	case nil:
	case unix.ENOTSUP, unix.EOPNOTSUPP, unix.ENOTTY, unix.EINVAL:
		return writeZeros(f, off, end-off)
	default:
		return err
	}
	return errors.Join(writeZeros(f, off, first-off), writeZeros(f, last, end-last))
}

// syncFile is F_FULLFSYNC, which the os package uses here: fsync(2) leaves the data in the device's
// cache.
func syncFile(f *os.File) error { return f.Sync() }

// bootID is kern.bootsessionuuid, made at each boot.
func bootID() (id [16]byte, ok bool) {
	text, err := unix.Sysctl("kern.bootsessionuuid")
	if err != nil {
		return id, false
	}
	return parseUUID(text)
}

func renameNew(from, to string) error {
	return uninterrupted(func() error { return unix.RenamexNp(from, to, unix.RENAME_EXCL) })
}
