//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package sys

import (
	"errors"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Source: fchown(2).
func copyOwner(dst, src *os.File) error {
	info, err := src.Stat()
	if err != nil {
		return err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return nil
	}
	err = dst.Chown(int(stat.Uid), int(stat.Gid))
	if errors.Is(err, unix.EPERM) { // the group alone may be allowed
		if err = dst.Chown(-1, int(stat.Gid)); errors.Is(err, unix.EPERM) {
			return nil
		}
	}
	return err
}
