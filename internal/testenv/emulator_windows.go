package testenv

import (
	"sync"

	"golang.org/x/sys/windows"
)

// Emulator names what runs between the tests and the kernel, "" for nothing.
var Emulator = sync.OnceValue(func() string {
	if windows.NewLazySystemDLL("ntdll.dll").NewProc("wine_get_version").Find() == nil {
		return "Wine"
	}
	return ""
})
