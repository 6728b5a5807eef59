// Package region shows mapped memory as typed slices: Region[T] owns the memory, View[T] is a
// checked window on it, Strided[T] a checked column of it.
//
// # Memory
//
// New makes anonymous memory; Create, Open and OpenMut work on self-describing files (FORMAT.md);
// Map and MapMut take any options.Options, raw files at any offset included; From takes over a
// Mapping. Which T may live where is checked once, when the region is made: see the package's type
// rules in ARCHITECTURE.md. A refusal wraps typedmem.ErrType and names the field.
//
// # Capacity
//
// Growth needs address space, which is reserved when a region is made: what
// options.Options.WithCapacity asks for, in bytes, exactly, with MapMut, CreateWith and their like.
// Without it New, Create and OpenMut go by what there is:
//
//   - 64-bit systems: 16 GiB for each of the first 2,048 regions that are open at once, 8 GiB for
//     each of the next 2,048, and so on: the ten thousandth gets 1 GiB. All of them together take
//     at most half of the address space. Under Linux's default limit of memory areas some 20,000
//     regions fit.
//   - Less address space (32-bit programs, some 64-bit processors) and under RLIMIT_AS: a
//     thirty-second at the most of what is left, of one half; the other half, and what the program
//     takes of both, is not touched. The 32-bit address space gives the first region 32 MiB.
//   - Large regions get 16 times their size where that is at most a sixteenth of what is left.
//
// Where the system refuses so much, a region takes what it can get, down to its size.
//
// Open reserves for what it reads: twice the length of the file, and at least 1 MiB. When a writer
// makes the file longer than that, Refresh moves the reader on to a larger range of addresses.
// Views, slices and pointers from before stay valid where they are, until Close; what is taken of
// the region afterwards lies in the larger range, which has twice the length again. WithCapacity
// sets the size of the first one. In a 32-bit program readers do not move: they reserve what a
// writer does, and past that Refresh is ErrCapacity.
//
// # Access
//
// At, Set, Load, Store, iterators and copies are checked: an index out of range, a closed, shrunk,
// split or protected mapping gives an error that wraps ErrBounds, ErrClosed or ErrProtection, as a
// panic with an *typedmem.Error or as a returned one, and nothing is touched. Ptr, Slice and
// Mapping().Bytes() are raw: as fast as a Go slice, valid until Close, a shrinking Resize, a split
// or a change of protection, and fault if used afterwards.
//
// # Laws of views
//
// A view is (base, length, stride, element). For a View v, a Strided s and in-range numbers:
//
//	v.Sub(a, b) then Sub(c, d)     is  v.Sub(a+c, a+d)
//	v.SplitAt(i)                   is  v.Sub(0, i), v.Sub(i, v.Len())
//	v.Chunks(n), joined            is  v
//	v.Every(a, b, k).Len()         is  (b-a+k-1)/k
//	v.Every(a, b, k).At(i)         is  v.At(a+i*k)
//	v.Every(a, b, k).Every(c, d, m) is v.Every(a+c*k, a+d*k, k*m) as far as its elements reach
//	v.Every(0, v.Len(), 1)         shows v
//	Cast[T](Cast[U](v))            is  v
//	Cast[byte](v)                  is  v.Bytes()
//	Field(v, off).Every(a, b, k)   is  Field of each element of v.Every(a, b, k)
//	v.ReadOnly() of anything       reads the same and refuses every checked write
//
// Numbers out of range give ErrBounds, as does a step below 1; nothing wraps around.
//
// # Lifetime of views
//
// A view shows a range of addresses, which belong to its mapping until no view of it is left. What
// it shows is what is there now: after a shrinking Resize elements that were cut off are refused
// with ErrBounds, and when the region grows over them again the same view shows the new ones. After
// Close, or when the region was merged into another one, all of it is refused for good.
//
// # Concurrency
//
// Any number of goroutines may read. Append publishes the length after the elements, so readers go
// on while one goroutine appends. Append, Resize, Sync, SplitOff, SplitTo, Merge and Close of one
// region are for one goroutine at a time, and while it is split or merged others read through views
// of it, not through the Region. Elements themselves are plain memory: two goroutines that access
// the same one, one of them writing, need their own synchronisation, and under the race detector
// the checked accessors report when they have none. Memory that Close, a shrinking Resize or
// MakeNone takes away while another goroutine is inside an access faults there: Pin, or stop the
// others first.
//
// # Full disks
//
// Create, Append, Resize, Sync and Close return an error that wraps the system's (ENOSPC, EDQUOT,
// EFBIG) and names the file, and change nothing: a region that Close could not sync stays open
// until there is space. Set, and stores through raw memory, write to pages that are there:
//   - ext4, tmpfs, NTFS: they need no more space.
//   - btrfs, bcachefs, ZFS, APFS, and XFS for files that were copied with cp --reflink: a page that
//     was written back, or is shared, needs new space, and a store to a full disk faults.
//   - ext2, ext3: so does a store into a hole of a file that another program made.
//   - NFS, FUSE: the server may find its disk full later: Sync returns the error, if the kernel
//     learns of it.
//
// A read may need space too, on a full tmpfs alone: of a hole, such as is where a shrinking Resize
// cut elements off or another program made the file longer. A reader that still goes by the length
// of before faults there.
//
// typedmem.Guard turns a fault of a store into an error that wraps ENOSPC, and one of a read into
// one that says that the page cannot be brought in.
package region
