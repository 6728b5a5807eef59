//go:build linux && (mips || mipsle || mips64 || mips64le)

package sys

import "golang.org/x/sys/unix"

// bothCaches is BCACHE of asm/cachectl.h.
const bothCaches = 3

// flushInstructionCache is cacheflush(2).
func flushInstructionCache(addr uintptr, n int) error {
	return failure(unix.Syscall(unix.SYS_CACHEFLUSH, addr, uintptr(n), bothCaches))
}
