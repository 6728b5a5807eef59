package sys

import (
	"errors"
	"fmt"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"
)

// vmEntry is struct kinfo_vmentry of sys/sysctl.h where a long has 64 bits.
type vmEntry struct {
	start, end, guard, space, spaceAugment, offset              uint64
	wired, kind, protection, maxProtection, advice, inheritance int32
	flags                                                       uint8
}

const (
	sysctlCall   = 202      // SYS_sysctl of sys/syscall.h; the syscall package routes it to libc's sysctl(2)
	listAreas    = 80       // KERN_PROC_VMMAP of sys/sysctl.h
	listBytes    = 64 << 10 // the kernel's limit for one call, VMMAP_MAXLEN
	kindHole     = 0x10     // KVE_ET_HOLE: free addresses
	inheritShare = 0        // KVE_INH_SHARE: what mmap(2) sets for MAP_SHARED
)

// areas is the sysctl kern.proc_vmmap. It names no files: Path and Offset stay empty. Only root may
// ask about other processes.
func areas(pid int, lo, hi uintptr, yield func(Area) bool) error {
	if strconv.IntSize != 64 {
		return errors.ErrUnsupported
	}
	name := [3]int32{unix.CTL_KERN, listAreas, int32(processID(pid))}
	list := make([]vmEntry, listBytes/unsafe.Sizeof(vmEntry{}))
	// A call returns entries that start at next or later. The entry that holds lo may start
	// anywhere below, so next begins at 0.
	for next := uint64(0); ; {
		list[0].start = next
		n := uintptr(len(list)) * unsafe.Sizeof(vmEntry{})
		// SAFETY: name, list and n stay alive over the call; the kernel writes at most n bytes to
		// list.
		_, _, errno := unix.Syscall6(sysctlCall, uintptr(unsafe.Pointer(&name)), uintptr(len(name)),
			uintptr(unsafe.Pointer(&list[0])), uintptr(unsafe.Pointer(&n)), 0, 0)
		if errno != 0 {
			return fmt.Errorf("kern.proc_vmmap: %w", errno)
		}
		found := list[:n/unsafe.Sizeof(vmEntry{})]
		for _, e := range found {
			a := Area{
				AllocationBase: uintptr(e.start),
				Start:          uintptr(e.start),
				End:            uintptr(e.end),
				Protection:     protOfBits(uint32(e.protection)),
				Shared:         e.inheritance == inheritShare,
			}
			if e.kind&kindHole == 0 && e.end > e.start && !yieldInside(a, lo, hi, yield) {
				return nil
			}
		}
		if len(found) == 0 || found[len(found)-1].end <= next {
			return nil
		}
		next = found[len(found)-1].end
	}
}
