package sys

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"
)

// Refused reports whether err says that the kernel lacks a call or a sandbox forbids it: ENOSYS,
// EOPNOTSUPP, EPERM, EACCES or EINVAL. Callers then leave out a hint, or do it in another way.
func Refused(err error) bool {
	return errors.Is(err, errors.ErrUnsupported) || errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EINVAL)
}

// ErrNotLocked is wrapped by the error of a Map with flags.Locked that could map but not lock.
var ErrNotLocked = errors.New("memory could not be locked")

// NotLocked is the error of such a Map of n bytes.
func NotLocked(n int, err error) error {
	return fmt.Errorf("locking %d bytes in memory (see ulimit -l; every page must exist and be readable): %w: %w", n, ErrNotLocked, err)
}

// FileFacts says how an open file may be mapped.
type FileFacts struct {
	Read, Write bool // how it was opened
	NoExec      bool // its file system may not hold running code
	Made        bool // its contents are generated when it is read: procfs, sysfs
	Sealed      bool // nobody may write it any more (F_SEAL_WRITE)
}

// FactsOf returns how an open file may be mapped, or errors.ErrUnsupported if the system does not
// tell.
func FactsOf(f *os.File) (FileFacts, error) { return factsOf(f) }

// LockLimit returns how many bytes the process may lock (RLIMIT_MEMLOCK), or errors.ErrUnsupported
// if the system has no such limit.
func LockLimit() (uint64, error) { return lockLimit() }

// CannotMap reports whether the system refused because files of this kind cannot be mapped.
func CannotMap(err error) bool { return cannotMap(err) }

// CannotDrop reports whether the system refused flags.DontNeed because the memory is locked, or of
// a device.
func CannotDrop(err error) bool { return cannotDrop(err) }

// OutOfSpace reports whether the system refused because a file cannot get more space.
func OutOfSpace(err error) bool { return spaceAdvice(err) != "" }

func spaceAdvice(err error) string {
	for e, advice := range noSpace {
		if errors.Is(err, e) {
			return advice
		}
	}
	return ""
}

// SpaceError adds the file and what to do to an error of OutOfSpace. Other errors stay as they are.
func SpaceError(path string, err error) error {
	advice := spaceAdvice(err)
	if advice == "" || strings.Contains(err.Error(), advice) {
		return err
	}
	if strings.Contains(err.Error(), path) {
		return fmt.Errorf("%w: %s", err, advice)
	}
	return fmt.Errorf("%s: %w: %s", path, err, advice)
}
