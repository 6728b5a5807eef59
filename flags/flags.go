// Package flags holds the values that describe a mapping: what it is for, how it is protected, how
// large its pages are. Nothing here touches memory.
package flags

import (
	"strconv"
	"strings"
)

// Map is a set of ordinary mapping flags. A flag is a hint unless its comment says promise. A
// system without the feature ignores a hint, and refuses a promise with errors.ErrUnsupported.
type Map uint32

const (
	// Shared makes writes visible in the file and to every process that maps it. Without it a
	// mapping is private: writes go to copies of the pages that only this mapping sees.
	//   - Unix: MAP_SHARED, else MAP_PRIVATE.
	//   - Windows: FILE_MAP_WRITE, else FILE_MAP_COPY.
	Shared Map = 1 << iota

	// Populate brings every page into memory when the mapping is made, so that the first access
	// does not fault.
	//   - Linux, Android: MAP_POPULATE.
	//   - Others: a hint after mapping (MADV_WILLNEED, PrefetchVirtualMemory).
	Populate

	// NoReserve asks that no swap space be set aside for the mapping.
	//   - Linux, Android, NetBSD, macOS, iOS: MAP_NORESERVE.
	//   - FreeBSD, DragonFly, OpenBSD, Windows: no-op.
	NoReserve

	// HugePages is a promise: the mapping is made of huge pages, of the size that WithPageSize
	// names or of the system's default huge page size. It occupies whole huge pages; Len is what
	// was asked for.
	//   - Linux, Android: MAP_HUGETLB.
	//   - FreeBSD: MAP_ALIGNED_SUPER, which aligns for superpages and leaves promotion to the
	//     kernel.
	//   - macOS on Intel processors: superpages of 2 MiB (VM_FLAGS_SUPERPAGE_SIZE_2MB).
	//   - Windows: MEM_LARGE_PAGES; needs SeLockMemoryPrivilege.
	//   - Others: errors.ErrUnsupported.
	HugePages

	// Stack marks memory that will hold a thread's stack.
	//   - Linux, Android, FreeBSD, DragonFly, NetBSD, OpenBSD: MAP_STACK.
	//   - macOS, iOS, Windows: no-op.
	Stack

	// Locked is a promise: every page is in memory when the mapping is made and stays there.
	//   - Unix: mlock(2), and its result is checked. Windows: VirtualLock. Memory that cannot be
	//     read is refused with ErrProtection.
	Locked

	firstAdvice // the flags of advice.go begin here
)

var mapNames = append([]string{"Shared", "Populate", "NoReserve", "HugePages", "Stack", "Locked"}, adviceNames...)

// Has reports whether f holds all of g.
func (f Map) Has(g Map) bool { return f&g == g }

// Unknown returns the bits of f that are no flag of this package.
func (f Map) Unknown() Map { return f &^ (mapEnd - 1) }

// String lists the flags that are set, as in "Shared|Populate"; the empty set is "0".
func (f Map) String() string { return join(uint64(f), mapNames) }

// Unsafe is a set of mapping flags that can break the program when misused.
type Unsafe uint32

const (
	// Fixed places the first page of the mapping exactly at the address given with WithAddress and
	// silently replaces whatever was mapped there. Without an address it is refused with
	// ErrOperation. If mapping fails after the old one was replaced, the error says so.
	//
	// A mapping of this module that had the addresses, open or closed, loses them. Closing it
	// leaves them alone, its views show the new mapping, and methods that would change the whole of
	// it, such as Commit and MakeNone, return ErrOperation.
	//   - Unix: MAP_FIXED. Windows: errors.ErrUnsupported.
	Fixed Unsafe = 1 << iota

	// JIT allows protections that are writable and executable at once.
	//   - macOS, iOS: MAP_JIT, for private memory without flags.Fixed or huge pages; a program with
	//     the hardened runtime needs the entitlement com.apple.security.cs.allow-jit. On Apple
	//     silicon the kernel may refuse to change the protection of writable and executable memory.
	//     What a shorter Resize gave back cannot be both again.
	//   - OpenBSD, NetBSD: the kernel's W^X rules may still refuse. Others: no flag is needed.
	JIT

	unsafeEnd
)

var unsafeNames = []string{"Fixed", "JIT"}

// Has reports whether f holds all of g.
func (f Unsafe) Has(g Unsafe) bool { return f&g == g }

// Unknown returns the bits of f that are no flag of this package.
func (f Unsafe) Unknown() Unsafe { return f &^ (unsafeEnd - 1) }

// String lists the flags that are set, as in "Fixed|JIT"; the empty set is "0".
func (f Unsafe) String() string { return join(uint64(f), unsafeNames) }

// Protection says what a mapping's pages may be used for.
type Protection uint8

const (
	Read    Protection = 1 << iota // pages can be read
	Write                          // pages can be written
	Execute                        // pages can hold running code

	None Protection = 0 // any access faults
)

var protectionNames = []string{"Read", "Write", "Execute"}

// Has reports whether p allows all of q.
func (p Protection) Has(q Protection) bool { return p&q == q }

// String lists what is allowed, as in "Read|Write"; no access is "None".
func (p Protection) String() string {
	if p == None {
		return "None"
	}
	return join(uint64(p), protectionNames)
}

// join renders a bit set by its names; bits without a name appear as a hexadecimal number.
func join(bits uint64, names []string) string {
	if bits == 0 {
		return "0"
	}
	var parts []string
	for i, name := range names {
		if bits&(1<<i) != 0 {
			parts = append(parts, name)
			bits &^= 1 << i
		}
	}
	if bits != 0 {
		parts = append(parts, "0x"+strconv.FormatUint(bits, 16))
	}
	return strings.Join(parts, "|")
}
