//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package sys

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

func factsOf(f *os.File) (facts FileFacts, err error) {
	err = onFd(f, func(fd int) error {
		mode, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
		if err != nil {
			return err
		}
		mode &= unix.O_ACCMODE
		facts.Read, facts.Write = mode != unix.O_WRONLY, mode != unix.O_RDONLY
		moreFacts(fd, &facts)
		return nil
	})
	return facts, err
}

// cannotMap: the error is ENODEV, or EIO on procfs.
func cannotMap(err error) bool { return errors.Is(err, unix.ENODEV) || errors.Is(err, unix.EIO) }

func cannotDrop(err error) bool { return errors.Is(err, unix.EINVAL) }
