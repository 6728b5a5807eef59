//go:build unix

package sys

import "syscall"

// ProcessRuns reports whether a process of this ID runs, which may be another one than is meant.
// It sees those of its own PID namespace only. A process that has ended counts until its parent has
// waited for it. Source: kill(2).
func ProcessRuns(pid int) bool { return syscall.Kill(pid, 0) != syscall.ESRCH }
