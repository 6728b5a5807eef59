//go:build darwin || freebsd || netbsd || dragonfly

package sys

//lint:file-ignore SA1019 on macOS, where x/sys wants libSystem, it has no wrapper of minherit(2)

import "golang.org/x/sys/unix"

const inheritNone = 2 // INHERIT_NONE of sys/mman.h, VM_INHERIT_NONE of mach/vm_inherit.h

// minheritNone leaves a range out of child processes. Where the range is part of a superpage, the
// system widens it.
func minheritNone(addr uintptr, n int) error {
	if _, _, errno := unix.Syscall(unix.SYS_MINHERIT, addr, uintptr(n), inheritNone); errno != 0 {
		return errno
	}
	return nil
}
