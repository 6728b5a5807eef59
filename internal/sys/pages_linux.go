package sys

import (
	"os"

	"github.com/typedmem/typedmem/flags"
	"golang.org/x/sys/unix"
)

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
