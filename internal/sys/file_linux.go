package sys

import (
	"os"
	"syscall"
	"unsafe"

	"github.com/typedmem/typedmem/flags"
	"golang.org/x/sys/unix"
)

// deviceSize asks the block device by an ioctl, which does not move the position of the file. Where
// a sandbox refuses that, it seeks.
func deviceSize(f *os.File) (int64, error) {
	size := new(uint64)
	err := withFd(f, func(fd uintptr) error {
		// SAFETY: size stays alive over the call, which writes the 8 bytes of it.
		return failure(unix.Syscall(unix.SYS_IOCTL, fd, unix.BLKGETSIZE64, uintptr(unsafe.Pointer(size))))
	})
	if err != nil {
		return seekSize(f)
	}
	return int64(*size), nil
}

// placeless reports whether a file has no type: a dma-buf or another object of the kernel, whose
// size Stat does not know.
func placeless(info os.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && stat.Mode&unix.S_IFMT == 0
}

// writeBehind uses sync_file_range(2), which takes no error away from fsync(2) unless it waits. Of
// no bytes it would begin to write all.
func writeBehind(f *os.File, off, n int64) error {
	if n <= 0 {
		return nil
	}
	return onFd(f, func(fd int) error { return unix.SyncFileRange(fd, off, n, unix.SYNC_FILE_RANGE_WRITE) })
}

// FilePageSize returns the page size that f requires of its mappings: that of a file on hugetlbfs
// (fstatfs(2)), or 0 for the usual one. known is false if the system does not tell.
func FilePageSize(f *os.File) (p flags.PageSize, known bool, err error) {
	var fs unix.Statfs_t
	err = onFd(f, func(fd int) error { return unix.Fstatfs(fd, &fs) })
	if Refused(err) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, err
	}
	if uint32(fs.Type) == unix.HUGETLBFS_MAGIC {
		p, _ = flags.PageSizeOf(int64(fs.Bsize))
	}
	return p, true, nil
}

// Hole returns where the first hole of the file begins in [off, end), or end if there is none.
// Space that Allocate set aside may count as a hole until it is written. Hole moves the position of
// the file.
func Hole(f *os.File, off, end int64) int64 {
	at := off
	_ = onFd(f, func(fd int) (err error) {
		if at, err = unix.Seek(fd, off, unix.SEEK_HOLE); err != nil {
			at = off // unknown
		}
		return nil
	})
	return min(at, end)
}

// extents is FS_EXTENT_FL of linux/fs.h. An ext4 file without it has block maps as on ext2, for
// which no space is set aside.
const extents = 0x80000

// Solid reports whether a store into space that Allocate has set aside always succeeds, because the
// file system writes in place. It is false for btrfs, bcachefs and XFS (whose files share extents
// with copies), which need new space for a page that was written back, for ext2 and ext3, which set
// none aside, and for unknown file systems.
func Solid(f *os.File) (solid bool) {
	_ = onFd(f, func(fd int) error {
		var fs unix.Statfs_t
		if err := unix.Fstatfs(fd, &fs); err != nil {
			return err
		}
		switch uint32(fs.Type) {
		case unix.TMPFS_MAGIC, unix.RAMFS_MAGIC, unix.HUGETLBFS_MAGIC:
			solid = true
		case unix.EXT4_SUPER_MAGIC:
			bits, err := unix.IoctlGetUint32(fd, unix.FS_IOC_GETFLAGS)
			solid = err == nil && bits&extents != 0
		}
		return nil
	})
	return solid
}
