package sys

import (
	"encoding/binary"
	"fmt"

	"golang.org/x/sys/unix"
)

// Offsets of the fields of struct kinfo_vmentry of sys/user.h. Records end after the path and hold
// their size.
const (
	entrySize       = 0
	entryType       = 4
	entryStart      = 8
	entryEnd        = 16
	entryOffset     = 24
	entryFlags      = 44
	entryProtection = 56
	entryPath       = 136

	entryIsFile     = 2 // KVME_TYPE_VNODE
	entryCopiesOnWr = 1 // KVME_FLAG_COW
)

// areas is the sysctl kern.proc.vmmap, as kinfo_getvmmap(3) reads it. It tells shared from private
// for files only; other memory is reported as private.
func areas(pid int, lo, hi uintptr, yield func(Area) bool) error {
	list, err := areaList("kern.proc.vmmap", processID(pid))
	if err != nil {
		return err
	}
	order := binary.NativeEndian
	for len(list) >= entryPath {
		size := int(order.Uint32(list[entrySize:]))
		if size == 0 {
			return nil
		}
		if size < entryPath || size > len(list) {
			return fmt.Errorf("kern.proc.vmmap: a record of %d bytes", size)
		}
		e := list[:size]
		list = list[size:]
		a := Area{
			AllocationBase: uintptr(order.Uint64(e[entryStart:])),
			Start:          uintptr(order.Uint64(e[entryStart:])),
			End:            uintptr(order.Uint64(e[entryEnd:])),
			Protection:     protOfBits(order.Uint32(e[entryProtection:])),
		}
		if order.Uint32(e[entryType:]) == entryIsFile {
			a.Path = unix.ByteSliceToString(e[entryPath:])
			a.Offset = int64(order.Uint64(e[entryOffset:]))
			a.Shared = order.Uint32(e[entryFlags:])&entryCopiesOnWr == 0
		}
		if !yieldInside(a, lo, hi, yield) {
			return nil
		}
	}
	return nil
}
