package typedmem_test

import (
	"sync"

	"golang.org/x/sys/unix"
)

// emulator names what stands between the tests and the kernel, "" for nothing.
var emulator = sync.OnceValue(func() string {
	const unknown = 0x7fff
	if unix.Madvise(make([]byte, 1)[:0], unknown) == nil {
		return "qemu-user"
	}
	return ""
})
