// Package region shows memory-mapped data as typed slices: a [Region] owns the memory, a [View] is
// a checked window on it, a [Strided] a checked column of it. The memory is off-heap, and views of
// it are zero-copy.
//
// # Memory
//
//   - [New] makes anonymous memory.
//   - [Create], [Open] and [OpenMut] work on region files, which describe themselves (FORMAT.md).
//   - [Map] and [MapMut] take any [options.Options], such as a raw file at any offset.
//   - [From] takes over a [typedmem.Mapping].
//
// # Types
//
// Every constructor checks T once. A refusal wraps [typedmem.ErrType] and names the field, the
// reason and what to write instead.
//
//   - Nowhere: pointers, strings, slices, maps, channels, functions and interfaces, which the
//     garbage collector would not see; types of packages sync and runtime; types of size 0.
//   - Not in files: bool (use [Bool8]); int, uint and uintptr, whose size depends on the platform;
//     padding (use _ [n]byte); numbers that are not aligned to their size (a complex number counts
//     as two).
//   - Types of sync/atomic: through Ptr and Slice only. Checked accesses return
//     [typedmem.ErrOperation]. On 32-bit arm and mips the 64-bit ones cannot be in shared files.
//   - Everywhere: all other numbers, and arrays and structs of them.
//
// # Capacity
//
// Append and Resize grow a region without moving it, into address space that is reserved when the
// region is made. Use [options.Options.WithCapacity], in bytes, with MapMut, CreateWith and their
// like to reserve an exact amount. Without it New, Create and OpenMut choose:
//
//   - 64-bit systems: 16 GiB beyond its size for each of the first 2,048 open regions, 8 GiB for
//     each of the next 2,048, and so on: the ten thousandth gets 1 GiB. Together they take at most
//     half of the address space. Under Linux's default limit of memory areas some 20,000 regions
//     fit.
//   - Less address space (32-bit programs, some 64-bit processors, RLIMIT_AS): the library takes at
//     most half of it for growth, and each region at most a thirty-second of what is still free of
//     that half. The first region of a 32-bit program gets 32 MiB.
//   - A region that is large at the start gets 15 times its size to grow into, or a sixteenth of
//     what the library may still take, whichever is less, if that is more than the above.
//
// If the system refuses that much, a region takes what it can get, down to its size.
//
// Open reserves twice the length of the file, and at least 1 MiB. When the writer makes the file
// longer than that, [Region.Refresh] moves the reader to a range of addresses of twice the new
// length. WithCapacity sets the size of the first range. In a 32-bit program readers do not move:
// they reserve as much as a writer does.
//
// # Access
//
// At, Set, Load, Store, iterators and copies are checked. For an index out of range, or a mapping
// that was closed, shrunk, split or protected, they touch nothing and return or panic with a
// [*typedmem.Error] that wraps [typedmem.ErrBounds], [typedmem.ErrClosed] or
// [typedmem.ErrProtection], or [typedmem.ErrOperation] for memory that is not committed and a T
// with sync/atomic fields. Ptr, Slice and Mapping().Bytes() give raw memory: as fast as a Go slice,
// valid until Close, a shrinking Resize, a split or a change of protection. An access after that is
// a bug. At first it faults. Once no view is left and the collector has run, it may read or write
// other memory that the addresses then show. Use raw memory while you keep the Region open or
// pinned.
//
// # Laws of views
//
// A view is (base, length, stride, element). For a View v and numbers in range:
//
//	v.Sub(a, b) then Sub(c, d)     is  v.Sub(a+c, a+d)
//	v.SplitAt(i)                   is  v.Sub(0, i), v.Sub(i, v.Len())
//	v.Chunks(n), joined            is  v
//	v.Every(a, b, k).Len()         is  (b-a+k-1)/k
//	v.Every(a, b, k).At(i)         is  v.At(a+i*k)
//	v.Every(a, b, k).Every(c, d, m) is v.Every(a+c*k, min(a+d*k, b), k*m)
//	v.Every(0, v.Len(), 1)         shows v
//	Cast[T](Cast[U](v))            is  v, where both casts succeed
//	Cast[byte](v)                  is  v.Bytes()
//	Field(v, off).Every(a, b, k)   is  Field of each element of v.Every(a, b, k)
//	v.ReadOnly()                   reads the same and refuses every checked write, and so does
//	                               each view made from it
//
// Numbers out of range and steps below 1 give [typedmem.ErrBounds]; nothing wraps around.
//
// # Lifetime of views
//
// A view shows a range of addresses. The range stays reserved for its mapping as long as there is a
// view of it, so a stale view never reaches other memory. A view shows what its addresses hold now.
// After a shrinking Resize, elements that were cut off give [typedmem.ErrBounds]; when the region
// grows over them again, the same view shows the new elements. After a split a view keeps its
// elements before the cut, and those after it return ErrBounds. After Close, or when the region was
// merged into another one, every access through the view is refused for good.
//
// Close a Region when it is no longer used. The collector releases one that was not closed, unless
// its raw memory was handed out: that stays mapped until the program ends. A file is then left as
// by a crash of the program: complete for the next OpenMut, but not synced.
//
// # Concurrency
//
// Any number of goroutines may read. One goroutine may append meanwhile, because Append publishes
// the length after the elements. Append, Resize, Sync, SplitOff, SplitTo and Merge of one region
// are for one goroutine at a time. Close may be called by any goroutine; beside one of these calls
// it returns [typedmem.ErrBusy]. While a region is split or merged, other goroutines read through
// views of it, not through the Region.
//
// Elements are plain memory: goroutines that access the same element, one of them writing, need
// synchronization of their own. Under the race detector the checked accesses report its absence. A
// checked access is checked when it begins. If Close, a shrinking Resize or Mapping.MakeNone takes
// the memory away after that, the access faults. [Region.Pin] keeps out Close, a shrinking Resize,
// splits and Merge; before MakeNone stop the other goroutines.
//
// # Full disks
//
// If the disk is full, Create, Append, Resize, Sync and Close return an error that wraps the
// system's (ENOSPC, EDQUOT, EFBIG) and names the file, and change nothing. A region that Close
// could not sync stays open. Set, and stores through raw memory, return no error. Whether they can
// fault depends on the file system:
//   - ext4, tmpfs, NTFS: such a store needs no more space.
//   - btrfs, bcachefs, ZFS, APFS, and XFS for files that were copied with cp --reflink: a page that
//     was written back, or is shared, needs new space. If the disk is full the store faults.
//   - ext2, ext3: a store into a hole, a part of the file without disk space, faults if the disk is
//     full. A file that only this library wrote has no hole below its length.
//   - NFS, FUSE: the server may find its disk full later. Sync returns that error if the kernel
//     learns of it.
//
// On a full tmpfs a read of a hole needs space too, and faults. Such holes come from a shrinking
// Resize, where a reader that has not refreshed since may still read, and from another program that
// makes the file longer.
//
// [typedmem.Guard] turns the fault of a store into an error that wraps ENOSPC, and the fault of a
// read into an error that says that the page cannot be brought in.
package region
