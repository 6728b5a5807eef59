package sys

import (
	"os"

	"golang.org/x/sys/unix"
)

// extents is FS_EXTENT_FL of linux/fs.h: a file of ext4 proper. One whose blocks are mapped as
// those of ext2 has no space set aside.
const extents = 0x80000

// Solid reports whether a store into space that Allocate has set aside always finds it: the file
// system writes in place. Not so on btrfs, bcachefs or XFS (whose files share extents with copies),
// which need new space for a page that was written back, nor on ext2 and ext3, which set none
// aside. What is not known counts as not solid.
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
