package sys

import (
	"os"

	"golang.org/x/sys/unix"
)

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
