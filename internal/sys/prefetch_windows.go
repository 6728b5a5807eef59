package sys

import (
	"errors"
	"unsafe"

	"golang.org/x/sys/windows"
)

// prefetch is PrefetchVirtualMemory. If it fails, the first access brings the pages in.
func prefetch(ranges []Range) error {
	if procPrefetchVirtualMemory.Find() != nil {
		return errors.ErrUnsupported
	}
	if len(ranges) > 0 {
		// SAFETY: a Range has the layout of WIN32_MEMORY_RANGE_ENTRY; the call reads as many as it
		// is told of.
		procPrefetchVirtualMemory.Call(uintptr(windows.CurrentProcess()), uintptr(len(ranges)), uintptr(unsafe.Pointer(unsafe.SliceData(ranges))), 0)
	}
	return nil
}
