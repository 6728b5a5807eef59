package sys

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// mayWrite asks about the open file itself, which its name may not reach any more.
func mayWrite(fd int) bool {
	return unix.Faccessat(unix.AT_FDCWD, fmt.Sprintf("/proc/self/fd/%d", fd), unix.W_OK, unix.AT_EACCESS) == nil
}
