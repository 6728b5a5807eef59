package typedmem_test

import (
	"sync"

	"golang.org/x/sys/windows"
)

// emulator names what stands between the tests and the kernel, "" for nothing.
var emulator = sync.OnceValue(func() string {
	if windows.NewLazySystemDLL("ntdll.dll").NewProc("wine_get_version").Find() == nil {
		return "Wine"
	}
	return ""
})
