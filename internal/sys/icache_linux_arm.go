package sys

import "golang.org/x/sys/unix"

// cacheflushCall is __ARM_NR_cacheflush of arch/arm/include/uapi/asm/unistd.h.
const cacheflushCall = 0x0f0002

func flushInstructionCache(addr uintptr, n int) error {
	return failure(unix.Syscall(cacheflushCall, addr, addr+uintptr(n), 0))
}
