package typedmem_test

import (
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// emulator names what stands between the tests and the kernel, "" for nothing. qemu's user mode
// takes any advice about a page for good.
var emulator = sync.OnceValue(func() string {
	const unknown = 0x7fff
	page, err := unix.Mmap(-1, 0, os.Getpagesize(), unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		panic(err)
	}
	answer := unix.Madvise(page, unknown)
	if err := unix.Munmap(page); err != nil {
		panic(err)
	}
	if answer == nil {
		return "qemu-user"
	}
	return ""
})
