package sys

import (
	"errors"
	"io/fs"
	"syscall"
)

// Refused reports whether err says that the kernel lacks a call or a sandbox forbids it: ENOSYS,
// EOPNOTSUPP, EPERM, EACCES or EINVAL. Callers then leave out a hint, or do it in another way.
func Refused(err error) bool {
	return errors.Is(err, errors.ErrUnsupported) || errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EINVAL)
}
