package sys

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// regionWithPath is struct proc_regionwithpathinfo of sys/proc_info.h.
type regionWithPath struct {
	protection, maxProtection, inheritance, flags uint32
	offset                                        uint64
	_                                             [14]uint32
	address, size                                 uint64
	vnode                                         [152]byte // struct vnode_info
	path                                          [1024]byte
}

// The kernel takes no other size.
var _ [1272]byte = [unsafe.Sizeof(regionWithPath{})]byte{}

const (
	procInfoCall     = 336 // SYS_proc_info of sys/syscall.h; libSystem's wrapper cannot be called without cgo
	callPidInfo      = 2   // PROC_INFO_CALL_PIDINFO of xnu's bsd/sys/proc_info_private.h
	regionPathInfo   = 8   // PROC_PIDREGIONPATHINFO of sys/proc_info.h
	regionShared     = 2   // PROC_REGION_SHARED
	inheritanceShare = 0   // VM_INHERIT_SHARE of mach/vm_inherit.h, which mmap(2) sets for MAP_SHARED
)

// areas asks for one area after the other by the system call of proc_pidinfo(3). It needs root, or
// the same user, for other processes. A submap counts as one area: mach_vm_region_recurse, which
// looks into it, needs cgo.
func areas(pid int, lo, hi uintptr, yield func(Area) bool) error {
	r := new(regionWithPath)
	for at := uint64(lo); at < uint64(hi); at = r.address + r.size {
		*r = regionWithPath{}
		// SAFETY: r stays alive over the call, which writes no more than its size. arg is the first
		// address.
		var n uintptr
		err := uninterrupted(func() error {
			var errno unix.Errno
			n, _, errno = unix.Syscall6(procInfoCall, callPidInfo, uintptr(processID(pid)), regionPathInfo,
				uintptr(at), uintptr(unsafe.Pointer(r)), unsafe.Sizeof(*r))
			return errno
		})
		switch {
		case err == unix.EINVAL: // no area at the address or after it
			return nil
		case err != unix.Errno(0):
			return fmt.Errorf("proc_pidinfo: %w", err)
		case n < unsafe.Sizeof(*r) || r.size == 0:
			return nil
		}
		a := Area{
			AllocationBase: uintptr(r.address),
			Start:          uintptr(r.address),
			End:            uintptr(r.address + r.size),
			Protection:     protOfBits(r.protection),
			Shared:         r.flags&regionShared != 0 || r.inheritance == inheritanceShare,
			Path:           unix.ByteSliceToString(r.path[:]),
		}
		if a.Path != "" {
			a.Offset = int64(r.offset)
		}
		if !yieldInside(a, lo, hi, yield) {
			return nil
		}
	}
	return nil
}
