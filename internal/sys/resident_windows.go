package sys

import (
	"os"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"
)

// workingSetPage is PSAPI_WORKING_SET_EX_INFORMATION. The lowest bit of the attributes says that
// the page is in the working set.
type workingSetPage struct{ addr, attributes uintptr }

// workingSetPages are on the heap, where the system finds them.
var workingSetPages = sync.Pool{New: func() any { return new([256]workingSetPage) }}

// resident is QueryWorkingSetEx: whether the page is in the working set of this process. A page
// that another process has, or that left the working set a moment ago, is not.
func resident(addr uintptr, _ int, pages []byte) error {
	asked := workingSetPages.Get().(*[256]workingSetPage)
	defer workingSetPages.Put(asked)
	size := uintptr(PageSize())
	for len(pages) > 0 {
		part := asked[:min(len(pages), len(asked))]
		for i := range part {
			part[i] = workingSetPage{addr: addr + uintptr(i)*size}
		}
		// SAFETY: the call reads and fills the entries, whose size in bytes it is given. It is not
		// LazyProc.Call, since that puts its arguments on the heap.
		_, err := result(syscall.SyscallN(procQueryWorkingSetEx.Addr(), uintptr(windows.CurrentProcess()), uintptr(unsafe.Pointer(&part[0])), uintptr(len(part))*unsafe.Sizeof(part[0])))
		if err != nil {
			return err
		}
		for i := range part {
			pages[i] = byte(part[i].attributes & 1)
		}
		addr, pages = addr+uintptr(len(part))*size, pages[len(part):]
	}
	return nil
}

func tellsResident(*os.File) bool { return true }
