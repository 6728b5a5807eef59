package sys

import "golang.org/x/sys/unix"

// flushInstructionCache is riscv_flush_icache of Documentation/arch/riscv. Flags 0 mean all threads
// of the process.
func flushInstructionCache(addr uintptr, n int) error {
	return failure(unix.Syscall(unix.SYS_RISCV_FLUSH_ICACHE, addr, addr+uintptr(n), 0))
}
