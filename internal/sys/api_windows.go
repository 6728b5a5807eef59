package sys

import (
	"os"
	"runtime"
	"sync"
	"unsafe"

	"golang.org/x/sys/windows"
)

// Calls that golang.org/x/sys/windows lacks or has with the wrong layout. Each is named as in the
// Windows API reference.

var (
	kernel32   = windows.NewLazySystemDLL("kernel32.dll")
	kernelBase = windows.NewLazySystemDLL("kernelbase.dll")
	ntdll      = windows.NewLazySystemDLL("ntdll.dll")
	psapi      = windows.NewLazySystemDLL("psapi.dll")

	procGetSystemInfo         = kernel32.NewProc("GetSystemInfo")
	procFlushInstructionCache = kernel32.NewProc("FlushInstructionCache")
	procPrefetchVirtualMemory = kernel32.NewProc("PrefetchVirtualMemory") // Windows 8
	procReOpenFile            = kernel32.NewProc("ReOpenFile")
	procMapViewOfFileEx       = kernel32.NewProc("MapViewOfFileEx")
	procVirtualQueryEx        = kernel32.NewProc("VirtualQueryEx")
	procQueryWorkingSetEx     = psapi.NewProc("QueryWorkingSetEx")
	procGetMappedFileName     = psapi.NewProc("GetMappedFileNameW")
	procNtQueryObject         = ntdll.NewProc("NtQueryObject")

	// Windows 10 version 1803, Windows Server 2019.
	procVirtualAlloc2    = kernelBase.NewProc("VirtualAlloc2")
	procMapViewOfFile3   = kernelBase.NewProc("MapViewOfFile3")
	procUnmapViewOfFile2 = kernelBase.NewProc("UnmapViewOfFile2")
)

// Values of winnt.h that x/sys does not have.
const (
	memReservePlaceholder   = 0x00040000
	memReplacePlaceholder   = 0x00004000
	memCoalescePlaceholders = 0x00000001
	memPreservePlaceholder  = 0x00000002

	memFree    = 0x00010000
	memMapped  = 0x00040000
	memImage   = 0x01000000
	memPrivate = 0x00020000

	pageModifiers = windows.PAGE_GUARD | windows.PAGE_NOCACHE | windows.PAGE_WRITECOMBINE
)

// withoutPlaceholders is set by tests, to run as on a system without placeholders.
var withoutPlaceholders bool

var findPlaceholders = sync.OnceValue(func() bool {
	return procVirtualAlloc2.Find() == nil && procMapViewOfFile3.Find() == nil && procUnmapViewOfFile2.Find() == nil
})

// hasPlaceholders reports whether the system can keep addresses reserved while views of files come
// and go in them.
func hasPlaceholders() bool { return !withoutPlaceholders && findPlaceholders() }

// systemInfo is SYSTEM_INFO.
type systemInfo struct {
	architecture, _       uint16
	pageSize              uint32
	lowest, highest       uintptr // address that a program can use
	processors            uintptr
	count, kind           uint32
	allocationGranularity uint32
	level, revision       uint16
}

var theSystem = sync.OnceValue(func() *systemInfo {
	info := new(systemInfo)
	// SAFETY: GetSystemInfo fills the SYSTEM_INFO that it is given; it cannot fail.
	procGetSystemInfo.Call(uintptr(unsafe.Pointer(info)))
	return info
})

// result turns what a call returned into an address and an error: 0 says that it failed.
func result(r, _ uintptr, err error) (uintptr, error) {
	if r == 0 {
		return 0, failed(err)
	}
	return r, nil
}

// failed returns the error of a call that returned 0: never nil.
func failed(err error) error {
	if err == nil || err == windows.Errno(0) {
		return windows.ERROR_GEN_FAILURE
	}
	return err
}

// virtualAlloc2 is VirtualAlloc2 in this process without extended parameters.
func virtualAlloc2(addr uintptr, n int, how, protection uint32) (uintptr, error) {
	return result(procVirtualAlloc2.Call(uintptr(windows.CurrentProcess()), addr, uintptr(n), uintptr(how), uintptr(protection), 0, 0))
}

// mapViewOfFile3 is MapViewOfFile3 in this process without extended parameters. The offset is 64
// bits wide everywhere: two words of arguments on 386.
func mapViewOfFile3(section windows.Handle, addr uintptr, offset int64, n int, how, protection uint32) (uintptr, error) {
	args := []uintptr{uintptr(section), uintptr(windows.CurrentProcess()), addr, uintptr(offset)}
	if runtime.GOARCH == "386" {
		args = append(args, uintptr(offset>>32))
	}
	args = append(args, uintptr(n), uintptr(how), uintptr(protection), 0, 0)
	return result(procMapViewOfFile3.Call(args...))
}

// mapViewOfFileEx is MapViewOfFileEx.
func mapViewOfFileEx(section windows.Handle, addr uintptr, offset int64, n int, access uint32) (uintptr, error) {
	return result(procMapViewOfFileEx.Call(uintptr(section), uintptr(access), uintptr(uint32(offset>>32)), uintptr(uint32(offset)), uintptr(n), addr))
}

// unmapViewOfFile2 is UnmapViewOfFile2 in this process.
func unmapViewOfFile2(addr uintptr, how uint32) error {
	_, err := result(procUnmapViewOfFile2.Call(uintptr(windows.CurrentProcess()), addr, uintptr(how)))
	return err
}

// memoryBasicInformation is MEMORY_BASIC_INFORMATION. That of x/sys has a PartitionId on 386 too,
// where Windows has none; on 64-bit systems it falls into the padding.
type memoryBasicInformation struct {
	baseAddress       uintptr
	allocationBase    uintptr
	allocationProtect uint32
	regionSize        uintptr
	state             uint32
	protect           uint32
	kind              uint32
}

// end returns the address after the region, or the last address if that overflows.
func (i memoryBasicInformation) end() uintptr {
	if end := i.baseAddress + i.regionSize; end > i.baseAddress {
		return end
	}
	return ^uintptr(0)
}

// virtualQuery is VirtualQueryEx. ok is false past the last address that a program can use.
func virtualQuery(process windows.Handle, addr uintptr) (info memoryBasicInformation, ok bool, err error) {
	// SAFETY: VirtualQueryEx fills the structure, whose size it is given.
	r, _, err := procVirtualQueryEx.Call(uintptr(process), addr, uintptr(unsafe.Pointer(&info)), unsafe.Sizeof(info))
	switch {
	case r != 0:
		return info, true, nil
	case err == windows.ERROR_INVALID_PARAMETER:
		return info, false, nil
	}
	return info, false, failed(err)
}

// reOpenFile is ReOpenFile: another handle of the file with other rights, if the file's permissions
// allow them.
func reOpenFile(h windows.Handle, access uint32) (windows.Handle, error) {
	const share = windows.FILE_SHARE_READ | windows.FILE_SHARE_WRITE | windows.FILE_SHARE_DELETE
	r, _, err := procReOpenFile.Call(uintptr(h), uintptr(access), share, 0)
	if windows.Handle(r) == windows.InvalidHandle {
		return 0, failed(err)
	}
	return windows.Handle(r), nil
}

// grantedAccess returns the rights of a handle (NtQueryObject with ObjectBasicInformation).
func grantedAccess(h windows.Handle) (windows.ACCESS_MASK, error) {
	var info struct { // PUBLIC_OBJECT_BASIC_INFORMATION
		attributes     uint32
		granted        windows.ACCESS_MASK
		handles, links uint32
		_              [10]uint32
	}
	// SAFETY: NtQueryObject fills the structure, whose size it is given.
	status, _, _ := procNtQueryObject.Call(uintptr(h), 0, uintptr(unsafe.Pointer(&info)), unsafe.Sizeof(info), 0)
	if status != 0 {
		return 0, os.NewSyscallError("NtQueryObject", windows.NTStatus(status))
	}
	return info.granted, nil
}
