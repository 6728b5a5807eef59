package typedmem

import (
	"fmt"
	"iter"
	"math"

	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/internal/sys"
)

// Self stands for the calling process.
const Self = 0

// ShareMode says who sees writes to an area.
type ShareMode uint8

const (
	Private ShareMode = iota // this process only
	Shared                   // every process that maps it, and the file
)

// String returns "Private" or "Shared".
func (s ShareMode) String() string {
	if s == Shared {
		return "Shared"
	}
	return "Private"
}

// Area is one stretch of a process's address space that has one protection and one backing.
type Area struct {
	AllocationBase uintptr // start of the area's allocation, or Start if not known
	Start, End     uintptr // the addresses [Start, End)
	Protection     flags.Protection
	Share          ShareMode
	Path           string // of the file that is mapped, "" for memory
	Offset         int64  // of Start in that file, bytes
	Label          string // the system's name for other memory, as in "[heap]"; "" for none
	Deleted        bool   // the file was removed; Path is its last name
}

// Areas yields the areas of a process's address space in ascending order; pid [Self] is this
// process. An error ends the sequence. Other processes may need privileges. The list can change
// while it is read: areas still ascend and never overlap.
//   - Linux, Android: the ioctl PROCMAP_QUERY (since 6.11), whose cost does not grow with the
//     number of areas. Where it is missing or a sandbox refuses it, the text of /proc/PID/maps. A
//     32-bit program lists a 64-bit process up to its own highest address, then
//     errors.ErrUnsupported.
//   - Windows: VirtualQueryEx and GetMappedFileName. Reserved ranges without memory are listed with
//     protection None.
//   - FreeBSD: sysctl kern.proc.vmmap. Shared anonymous memory is reported as Private.
//   - macOS, iOS: proc_pidinfo(3) with PROC_PIDREGIONPATHINFO. A submap, such as that of the
//     libraries shared by all processes, is one area.
//   - NetBSD: sysctl vm.proc.map. OpenBSD: sysctl kern.proc_vmmap, which names no files.
//   - Others: errors.ErrUnsupported.
func Areas(pid int) iter.Seq2[Area, error] { return AreasIn(pid, 0, math.MaxUint) }

// AreasIn yields the areas that overlap the addresses [lo, hi). The greatest uintptr as hi means
// the end of the address space.
func AreasIn(pid int, lo, hi uintptr) iter.Seq2[Area, error] {
	return func(yield func(Area, error) bool) {
		if pid < 0 {
			yield(Area{}, &Error{Op: "areas", Err: fmt.Errorf("process %d: %w", pid, ErrBounds)})
			return
		}
		if lo > hi {
			yield(Area{}, &Error{Op: "areas", Err: fmt.Errorf("addresses [%#x,%#x): %w", lo, hi, ErrBounds)})
			return
		}
		err := sys.Areas(pid, lo, hi, func(a sys.Area) bool { return yield(area(a), nil) })
		if err != nil {
			yield(Area{}, &Error{Op: "areas", Addr: lo, Err: err})
		}
	}
}

// AreaAt returns the area that holds an address; ok is false where nothing is mapped.
func AreaAt(pid int, addr uintptr) (found Area, ok bool, err error) {
	hi := addr + 1
	if hi == 0 {
		hi = addr // the last address is never mapped
	}
	for a, err := range AreasIn(pid, addr, hi) {
		if err != nil {
			return Area{}, false, err
		}
		return a, true, nil
	}
	return Area{}, false, nil
}

func area(a sys.Area) Area {
	share := Private
	if a.Shared {
		share = Shared
	}
	return Area{
		AllocationBase: a.AllocationBase, Start: a.Start, End: a.End,
		Protection: a.Protection, Share: share,
		Path: a.Path, Offset: a.Offset, Label: a.Label, Deleted: a.Deleted,
	}
}
