package sys

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// Offsets of the fields of struct kinfo_vmentry of sys/sysctl.h, and its size.
const (
	entryStart       = 0
	entryEnd         = 8
	entryOffset      = 16
	entryType        = 24
	entryProtection  = 48
	entryInheritance = 60
	entryPath        = 104
	entrySize        = entryPath + 1024

	entryIsFile = 2 // KVME_TYPE_VNODE
)

// areas is the sysctl vm.proc.map, as kinfo_getvmmap(3) reads it.
func areas(pid int, lo, hi uintptr, yield func(Area) bool) error {
	list, err := areaList("vm.proc.map", processID(pid), entrySize)
	if err != nil {
		return err
	}
	order := binary.NativeEndian
	for ; len(list) >= entrySize; list = list[entrySize:] {
		a := Area{
			AllocationBase: uintptr(order.Uint64(list[entryStart:])),
			Start:          uintptr(order.Uint64(list[entryStart:])),
			End:            uintptr(order.Uint64(list[entryEnd:])),
			Protection:     protOfBits(order.Uint32(list[entryProtection:])),
			Shared:         order.Uint32(list[entryInheritance:]) == unix.MAP_INHERIT_SHARE, // what mmap(2) sets for MAP_SHARED
		}
		if order.Uint32(list[entryType:]) == entryIsFile {
			a.Path = unix.ByteSliceToString(list[entryPath:entrySize])
			a.Offset = int64(order.Uint64(list[entryOffset:]))
		}
		if !yieldInside(a, lo, hi, yield) {
			return nil
		}
	}
	return nil
}
