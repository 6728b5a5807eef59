package sys

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// Sources: ioctl_ficlonerange(2), copy_file_range(2). The kernel writes dirty pages of the range
// back before it shares the blocks (generic_remap_file_range_prep in fs/remap_range.c).

func cloneRange(dst, src *os.File, off, n int64) error {
	err := onFiles(dst, src, func(to, from int) error {
		return unix.IoctlFileCloneRange(to, &unix.FileCloneRange{
			Src_fd: int64(from), Src_offset: uint64(off), Src_length: uint64(n), Dest_offset: uint64(off),
		})
	})
	if otherWay(err) {
		return fmt.Errorf("%w: %w", errors.ErrUnsupported, err)
	}
	return err
}

// otherWay reports whether err may mean that the two files cannot share space, or that the kernel
// cannot copy between them.
func otherWay(err error) bool {
	return Refused(err) || err == unix.EXDEV || err == unix.ENOTTY || err == unix.EBADF || err == unix.ETXTBSY || err == unix.EMLINK
}

// mostAtOnce is the most that copy_file_range copies at once: the call cannot be interrupted.
const mostAtOnce = 64 << 20

func copyRange(dst, src *os.File, off, n int64) (done int64, err error) {
	for done < n && err == nil {
		at, part, copied := off+done, int(min(n-done, mostAtOnce)), 0
		err = onFiles(dst, src, func(to, from int) (err error) {
			roff, woff := at, at
			copied, err = unix.CopyFileRange(from, &roff, to, &woff, part, 0)
			return err
		})
		if err == nil && copied == 0 {
			err = io.ErrUnexpectedEOF
		}
		done += int64(max(copied, 0))
	}
	if otherWay(err) {
		err = errors.ErrUnsupported
	}
	return done, err
}

// onFiles runs call with the descriptors of two files.
func onFiles(dst, src *os.File, call func(to, from int) error) error {
	return onFd(src, func(from int) error {
		return onFd(dst, func(to int) error { return call(to, from) })
	})
}
