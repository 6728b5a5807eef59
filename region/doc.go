// Package region shows memory-mapped data as typed slices: a [Region] owns the memory, a [View] is
// a checked window on it, a [Strided] a checked column of it, and [Rows] show it as a matrix. The
// memory is off-heap, and views of it are zero-copy.
//
// # Memory
//
//   - [New] makes anonymous memory.
//   - [OpenFile], and its short forms [Create], [Open] and [OpenMut], work on region files, which
//     describe themselves (FORMAT.md).
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
// region is made. Use [options.Options.WithCapacity], in bytes, with MapMut, and
// FileOptions.Capacity, in elements, with OpenFile to reserve an exact amount. Without it New,
// Create and OpenMut choose:
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
// length. FileOptions.Capacity sets the size of the first range. In a 32-bit program readers do not
// move: they reserve as much as a writer does.
//
// # Files
//
// What the fields of [FileOptions] mean together. Any other combination is
// [typedmem.ErrOperation], whatever the file is.
//
//	Write  Create  Shared  CopyOnWrite   no file          a file
//	-      -       -       -             fs.ErrNotExist   opened for reading
//	yes    -       -       -             fs.ErrNotExist   opened for writing
//	yes    yes     -       -             made             opened for writing
//	yes    -       yes     -             fs.ErrNotExist   opened by several
//	yes    yes     yes     -             made             opened by several
//	-      -       -       yes           fs.ErrNotExist   a private copy
//	yes    -       -       yes           fs.ErrNotExist   a private copy
//
//	          a new file                    a file that exists
//	Len       elements, all zero            not used; its length stays
//	Width     elements in a row, 0: 1       ErrLayout if it has another one, 0: any
//	Capacity  ErrSize if less than Len      ErrLayout if less than its length; Shared and
//	                                        CopyOnWrite reserve no more than the length
//	Perm      permission bits, less umask   not used
//	Flags     how it is mapped              how it is mapped
//
// Numbers below 0, lengths past the address space, and a Len that is no whole number of rows of
// Width are [typedmem.ErrSize]; bits in Perm that are no permissions, and flags.HugePages, are
// [typedmem.ErrOperation]. A symbolic link to a file
// stands for that file. No file is made in place of a link to nothing: that is [fs.ErrNotExist]. A
// directory or device is [typedmem.ErrOperation], an empty file [typedmem.ErrTruncated].
//
// Several writers (Shared):
//   - The length is fixed: Append and Resize return [typedmem.ErrOperation]. A new file needs a
//     Len.
//   - Fields of package sync/atomic, through Ptr, need nothing else. Programs synchronize access
//     to all other memory themselves, across processes.
//   - A writer alone and several writers exclude each other with [typedmem.ErrBusy], which says
//     who has the file. Several wait up to 0.1 seconds for a writer that is about to close, and up
//     to 10 seconds where the last writer was killed and another process repairs the file. A
//     writer in another container looks like a killed one.
//   - Any of them may be killed at any instant: the others need nothing of it. What it stored stays
//     stored, and may be half of what it meant to store. A later OpenMut finds the same length.
//   - Flush and Sync return when all that was stored before, by any of them, is on the device.
//     After a system crash the length is the same; of what was stored since the last Sync, any part
//     is there.
//
// A private copy (CopyOnWrite):
//   - It needs the right to read the file only, and may be opened beside a writer.
//   - A page (the system's) belongs to the copy from its first change on. What other pages show
//     when a writer changes the file is left open by mmap(2), for MAP_PRIVATE: on Linux and Windows
//     they follow the file. Take no writer, or write to every page, for a state that stays.
//   - The length is that at the opening, and fixed: Append and Resize return
//     [typedmem.ErrOperation], and Refresh returns Len. Copy the elements to a new region to grow.
//   - Flush and Sync do nothing and return nil. Close drops the changes.
//   - Memory is used for changed pages. Windows charges all of the region to the commit limit when
//     it is opened; Linux does so where vm.overcommit_memory is 2, unless Flags has NoReserve.
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
// # Rows
//
// Vectors, images and matrices are rows of a width that is known at run time. [RowsOf] shows any
// view so. A region file keeps the width if it is made with FileOptions.Width: then its length is
// always a whole number of rows, Append and Resize take nothing else ([typedmem.ErrBounds]), Follow
// yields whole rows, and [Region.Rows] shows them. Lengths and indexes of the Region still count
// elements.
//
// A loop over the elements of a row is fastest over rows.Row(i).Slice(), which is checked once. For
// packages that want all elements in one slice, row after row, such as gonum's mat.NewDense, take
// rows.Flat().Slice(). Use raw slices while you keep the Region open or pinned.
//
// # Columns
//
// [FieldByName] and [Field] show one field of every element as a column, without a copy. The column
// saves the program from unsafe, not the machine from reading: memory comes in cache lines of 64
// bytes, so a column of 32-byte records reads all of them. Measured, a pass over one such column
// takes 1.1 times as long as a loop over a slice of the records in cache, and 1.2 to 1.3 times out
// of cache.
//
//   - A pass that needs several fields of each element: read the whole element with At or All, not
//     a column for each.
//   - A pass over one field of records larger than a cache line, again and again, and much data:
//     keep that field in a Region of its own. Then only its bytes are read.
//   - Anything else: a column.
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
//	FieldByName(v, "A")            is  Field(v, Offsetof(T.A))
//	RowsOf(v, w).Len()             is  v.Len()/w, where w divides v.Len()
//	RowsOf(v, w).At(i, j)          is  v.At(i*w+j)
//	RowsOf(v, w).Row(i)            is  v.Sub(i*w, i*w+w)
//	RowsOf(v, w).Col(j)            is  v.Every(j, v.Len(), w)
//	RowsOf(v, w).Sub(a, b)         is  RowsOf of v.Sub(a*w, b*w)
//	RowsOf(v, w).Flat()            is  v
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
// These calls on one region may run at the same time:
//
//   - Reading and writing elements, through the Region and through views: any number, beside all
//     other calls. Those that take memory away are named below.
//   - Append, and a Resize to a greater length: one at a time, beside all others. Append publishes
//     the length after the elements.
//   - Sync, Flush, FlushRange, Prefault, Refresh: any number, beside each other and all others. So
//     a goroutine with a ticker may call Sync while another one appends. A Sync makes durable what
//     was there when it began; a second one waits for it.
//   - A Resize to a smaller length: as Append. It returns [typedmem.ErrBusy] beside a pin, a Sync,
//     a Flush or a Prefault, and a Flush that begins before it may return [typedmem.ErrBounds].
//   - Pin, Close, Shutdown: any number, beside all others. Close returns [typedmem.ErrBusy] beside
//     a pin or a call that works on the file; Shutdown waits for both. A goroutine that reads,
//     writes or appends while another one may call Close or Shutdown has to hold a pin.
//   - SplitOff, SplitTo, Merge: beside Pin, Close and Shutdown only. Other goroutines read through
//     views meanwhile, not through the Region.
//
// Snapshot runs beside Append, Sync, Flush and Refresh.
//
// Elements are plain memory: goroutines that access the same element, one of them writing, need
// synchronization of their own. Under the race detector the checked accesses report its absence. A
// checked access is checked when it begins. If Close, a shrinking Resize or Mapping.MakeNone takes
// the memory away after that, the access faults. [Region.Pin] keeps out Close, a shrinking Resize,
// splits and Merge; before MakeNone stop the other goroutines.
//
// # Following a writer
//
// [Region.Follow] waits for the writer, and yields each element once and in order. It needs nothing
// of the writer, which may be another goroutine with the same Region, or the writer of the file in
// this or another process: reader and writer may be in one process. It looks for new elements each
// millisecond, and less often, down to 20 times a second, while the writer rests. An Append costs
// the same with it and without it.
//
// An element is yielded once. What the writer sets in it later shows in the view, without a word
// and without synchronization: see Concurrency. If the writer makes the region shorter, the loop
// ends with [typedmem.ErrBounds], even if the region has grown again since. A shorter length that
// was set through Mapping is noticed only as long as the region is shorter than what was yielded.
//
// A writer that closes the file or is killed does not end the loop, as with tail -F: the elements
// that it published are yielded, and then those of the next writer. Followers that have to know
// that a writer is done need an element that says so. A path that comes to name another file ends
// the loop with [typedmem.ErrReplaced]: close the region and open the path again.
//
// # Data larger than memory
//
// A page of a file that is not in memory is read when it is accessed. The access stops the thread,
// and the Go scheduler does not know: with a few such reads at a time all other goroutines wait
// too, timers are late, and a garbage collection cannot begin. Four ways to read:
//
//   - [View.At], All, Slice: for data that is in memory, or soon will be. Cold, each page stops a
//     thread.
//   - [View.Gather], [Strided.Gather], [Rows.Gather]: elements or rows by index, such as
//     candidates of a search. The missing pages are read together, at the speed that the device
//     has for many reads at once. Warm, it costs about as much as a loop of At that also stores
//     what it reads. More indexes in one call are better: 64 and more.
//   - [View.Stream]: everything in order. What comes next is read while the loop works. Warm, it
//     costs a system call for each MiB.
//   - [View.Prefault]: everything at once, for a part that fits into memory and is then read in any
//     order. [View.Prefetch] starts the same and does not wait. Neither keeps the pages there;
//     [typedmem.Mapping.LockRange] does.
//
// Gather, Stream and Prefault wait in system calls, while other goroutines run. Where At would
// fault they return an error: [typedmem.ErrTruncated] if the file was cut off, or the error of
// reading it. [View.Resident] says how much is in memory.
//
// A Set or a Store to a cold page stops the thread as At does: call Prefault before. Append brings
// in the pages that it writes to.
//
// Open a file that is read at random with flags.RandomAccess, or give that advice later
// ([typedmem.Mapping.Advise]): otherwise the system reads up to 128 KiB around each page.
//
// # Full disks
//
// If the disk is full, Create, Append, Resize, Sync and Close return an error that wraps the
// system's (ENOSPC, EDQUOT, EFBIG) and names the file, and change nothing. A region that Close
// could not sync stays open. Set, and stores through raw memory, return no error. Whether they can
// fault depends on the file system:
//   - ext4, tmpfs, NTFS: such a store needs no more space.
//   - btrfs, bcachefs, ZFS, APFS, and XFS for files that share space with a copy (Snapshot, cp
//     --reflink): a page that was written back, or is shared, needs new space. If the disk is
//     full the store faults.
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
