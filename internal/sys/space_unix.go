//go:build !windows && !plan9

package sys

import (
	"errors"
	"slices"
	"syscall"
)

// ErrNoSpace is the system's error for a full disk.
const ErrNoSpace = syscall.ENOSPC

// noSpace maps the errors of a file that cannot become longer to what to do about each.
var noSpace = map[error]string{
	syscall.ENOSPC: "the disk is full; free some space and try again",
	syscall.EDQUOT: "the quota is used up; free some space and try again",
	syscall.EFBIG:  "the file may not become longer (see ulimit -f, and the largest file of its file system)",
}

// harmless are the errors of msync(2) and fsync(2) that are about the call and not about the pages.
var harmless = []syscall.Errno{syscall.EINVAL, syscall.ENOMEM, syscall.EBUSY, syscall.EINTR, syscall.EAGAIN, syscall.EBADF, syscall.EFAULT}

// LosesPages reports whether err, of a flush, says that pages were not written to the device. Linux
// counts them as written from then on; it is taken for granted elsewhere.
func LosesPages(err error) bool {
	var errno syscall.Errno
	return errors.As(err, &errno) && !slices.Contains(harmless, errno)
}

// BadAddress reports whether a call was given memory that it could not read.
func BadAddress(err error) bool { return errors.Is(err, syscall.EFAULT) }
