package sys

import (
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Source: PR_SET_VMA(2const), and anon_vma_name in kernel/sys.c.

// labelMost is how many bytes of a name the kernel takes, ANON_VMA_NAME_MAX_LEN less a zero.
const labelMost = 79

func nameMemory(addr uintptr, n int, name string) error {
	label := append([]byte(labelOf(name)), 0)
	// SAFETY: unsafe.Pointer pattern 4: the kernel copies the label during the call.
	_, _, errno := unix.Syscall6(unix.SYS_PRCTL, unix.PR_SET_VMA, unix.PR_SET_VMA_ANON_NAME, addr, uintptr(n), uintptr(unsafe.Pointer(&label[0])), 0)
	return failure(0, 0, errno)
}

// labelOf makes a label that the kernel takes.
func labelOf(name string) string {
	b := []byte(name[:min(len(name), labelMost)])
	for i, c := range b {
		if c < ' ' || c > '~' || strings.IndexByte("\\`$[]", c) >= 0 {
			b[i] = '_'
		}
	}
	return string(b)
}
