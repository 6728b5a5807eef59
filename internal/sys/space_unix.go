//go:build !windows && !plan9

package sys

import (
	"errors"
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

// BadAddress reports whether a call was given memory that it could not read.
func BadAddress(err error) bool { return errors.Is(err, syscall.EFAULT) }
