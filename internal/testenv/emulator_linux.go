package testenv

import (
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// Emulator names what runs between the tests and the kernel, "" for nothing. qemu's user mode
// accepts any advice about a page.
var Emulator = sync.OnceValue(func() string {
	const unknown = 0x7fff
	page, err := unix.Mmap(-1, 0, os.Getpagesize(), unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		panic(err)
	}
	refused := unix.Madvise(page, unknown)
	if err := unix.Munmap(page); err != nil {
		panic(err)
	}
	if refused == nil {
		return "qemu-user"
	}
	return ""
})
