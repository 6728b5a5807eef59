package sys

import "golang.org/x/sys/unix"

// moreFacts uses statfs(2) and F_GET_SEALS of fcntl(2). Facts that the system does not tell stay
// false.
func moreFacts(fd int, facts *FileFacts) {
	var fs unix.Statfs_t
	if unix.Fstatfs(fd, &fs) == nil {
		facts.NoExec = fs.Flags&unix.ST_NOEXEC != 0
		facts.Made = fs.Type == unix.PROC_SUPER_MAGIC || fs.Type == unix.SYSFS_MAGIC
	}
	if seals, err := unix.FcntlInt(uintptr(fd), unix.F_GET_SEALS, 0); err == nil {
		facts.Sealed = seals&(unix.F_SEAL_WRITE|unix.F_SEAL_FUTURE_WRITE) != 0
	}
}

func lockLimit() (uint64, error) { return softLimit(unix.RLIMIT_MEMLOCK) }
