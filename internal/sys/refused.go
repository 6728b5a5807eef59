package sys

import (
	"errors"
	"io/fs"
	"syscall"
)

// Refused reports whether err is how a kernel says that it lacks a call, or a sandbox that it
// forbids one: ENOSYS, EOPNOTSUPP, EPERM, EACCES or EINVAL. What is a mere hint is then left out,
// and what has another way takes that.
func Refused(err error) bool {
	return errors.Is(err, errors.ErrUnsupported) || errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EINVAL)
}
