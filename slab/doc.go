// Package slab keeps millions of typed objects outside the garbage collector: they are allocated
// and freed one by one in mapped memory, and named by handles that can be stored, shared and
// written to files, and that are never valid again after a Free.
//
// # Handles
//
// A Handle is the index of a slot and the slot's generation, which grows with every Alloc and Free
// there and never wraps: a slot whose generation is exhausted, after 1<<30 - 1 objects at the
// least, is retired. Generations start at a place that differs from slab to slab and from slot to
// slot, so that a handle of another slab, or one made up, is ErrStale but for a chance of one in
// 1<<30. Checking a handle reads the slot's word, which lies apart from the objects: nothing that
// is written through Ptr can damage the slab's books.
//
// A handle means something to the slab that issued it and to no other. It stays valid in a slab
// file that is closed and opened again, and in a whole copy of that file, which has the same salt:
// there it names the object as it was when the copy was made. In a file made anew it is stale, also
// where the file has the same name.
//
// # Memory
//
// [New] and [Map] make anonymous memory; [Create], [Open] and [OpenMut] work on slab files
// (FORMAT.md). Address space is reserved for the whole capacity; memory is committed as slots are
// used, and [Slab.Trim] releases it. A slot takes Sizeof(T) and its word, 8 bytes (16 in a file
// that is open for writing). Which T may live where is checked once: see the package's type rules
// in ARCHITECTURE.md.
//
// Choose the capacity generously, since it cannot change later:
//   - In memory an unused slot costs address space only, Sizeof(T) and 8 bytes, and a few bits of
//     heap. A 32-bit program has little address space.
//   - In a file the words of the whole capacity come before the slots, 8 bytes each, as a hole:
//     they take space on the device as slots are used. The size of the file that ls shows has them
//     from the beginning; the slots follow as they are used.
//   - [OpenMut] takes time in proportion to the slots in use, whatever the capacity is.
//
// A small capacity makes slots hot: with a capacity of 1 every object is in the same slot, its
// generation is exhausted after 1<<30 objects at the least, and then the slab is full for good. In
// a file each Alloc that finds no other slot than those just freed waits for the device. An Alloc
// that finds no slot returns [ErrFull]; [Slab.Stats] tells how many slots hold objects, are parked
// in caches, wait for a flush or are retired.
//
// Lookups in a large slab whose memory is not trimmed profit from huge pages: Map with
// flags.TransparentHugePages in its Options. New does not ask for them, since the kernel would fill
// again what Trim gave back.
//
// # Concurrency
//
// All methods of Slab are safe for concurrent use. Alloc and Free take one of several magazines of
// slots, some for each processor, for a few instructions; a [Cache] avoids contention between
// goroutines. Load, Store, [Slab.Update], Insert and Free of one object are atomic to each other. A
// Load writes nothing to memory that others read, unless Stores of the same object keep spoiling
// its copy; then it keeps them out for a moment, so its wait is bounded.
//
// In builds with the race detector these operations order each other as those of sync/atomic do: a
// Load that returns what a Store wrote comes after it. An address from [Slab.Ptr] is raw memory,
// and to the detector Ptr reads the object: a Store, Update or Free that nothing orders with the
// Ptr is reported. What is done through the address later it cannot see, nor what is done through
// the addresses that [Slab.All] yields. An object with sync/atomic fields is left out.
//
// Memory that Close, or a change of Mapping, takes away while another goroutine is inside an access
// faults there: pin the mapping, or stop the others first.
//
// # Files
//
// Which objects live is in the file at every instant: a process may be killed anywhere, and the
// next OpenMut finds every object. After a system crash only synced changes are guaranteed: see
// Sync. A slot that was freed is not used again before its word was flushed, which happens in
// batches; when few slots are free this makes Alloc wait for the device. A crash of the system is
// told from the end of a process by the boot ID, in a container that has one of its own by clocks:
// see FORMAT.md.
//
// A reader (Open) sees what the writer does at once, and does not see that the writer is inside a
// Store, which only the writer's process knows: a Load through a reader may mix the bytes before
// and after a Store that goes on meanwhile, unless T is one number no larger than a machine word.
// The same goes for what is written through Ptr, and for good where a Store was cut short by the
// end of its process. Objects that are inserted and freed, and never changed in between, are whole
// or ErrStale for readers, also where their slot is used again: the file says that an object lives
// after its bytes were written, and that it is gone before its slot is given to another.
//
// Copy a file while no writer has it open. A copy that is made beside a writer (cp, a backup) has
// the words of one moment and the bytes of another: an object can have another one's bytes, and
// nothing in the copy shows that. [Slab.Sync] before the copy does not help, since the writer goes
// on.
//
// # Full disks
//
// No call on a slab file faults because its disk is full, whatever the file system is: it returns
// an error that wraps the system's (ENOSPC, EDQUOT, EFBIG) and names the file, and changes nothing.
// A slab that Close could not sync stays open until there is space. On ext4, tmpfs and NTFS Alloc
// and Insert are refused where the file would have to grow, and everything else goes on. On btrfs,
// bcachefs, ZFS, APFS, and XFS for files that were copied with cp --reflink, each page that was
// written back needs new space when it is changed: Store, Update, Free and OpenMut may be refused
// too. A slab in another shared file ([Map]) does the same. The server of an NFS or FUSE file may
// find its disk full later: Sync returns that error, if the kernel learns of it.
//
// What is written through an address ([Slab.Ptr], [Slab.All]) is raw memory, and on those file
// systems a store to it faults where the disk is full. In an [Slab.Update] it does so only where
// the system has written the page back since Update began. typedmem.Guard turns such a fault into
// an error that wraps ENOSPC.
//
// A file can have holes where a program has copied it and left out pages of zeros (cp, tar -S).
// OpenMut takes space for them, or returns the error that there is none. A read of a hole needs
// space on a full tmpfs alone: there [Open] may fail, and a Load of a slab that it made faults,
// which Guard turns into an error that says that the page cannot be brought in.
//
// # Finding mistakes
//
// Config.Debug fills slots that are freed with a pattern and checks it when they are used again,
// which finds a write through a Ptr that was kept too long: Alloc returns a *MisuseError that names
// the object and the stacks of its allocation and Free, and retires the slot. Leaks lists the
// objects by the place that allocated them. It costs about two microseconds and 500 bytes of heap
// an object. In anonymous memory at an address that the system chooses, the slots lie between pages
// that nobody can touch, and the whole capacity is committed; with a file or an address in Options
// neither is so. In a slab file (CreateWith, OpenMutWith) freed slots keep their bytes, since a
// power failure may bring the object back, and a copy on the heap takes the place of the pattern;
// there are no pages around the slots, and a slot that was written to is retired until the file is
// closed.
//
// Config.GuardEvery puts one of so many objects, sixteen at a time, into a page of its own, at
// whose end the page cannot be touched and which cannot be touched after Free: any access through a
// stale Ptr, or past the end, faults where it stands, and Explain says whose memory it was. All
// other objects cost more as well, since Alloc and Free leave their short way: together roughly 35
// ns in place of 20, through a Cache 30 in place of 9; Load and Ptr cost the same. Goroutines count
// their Allocs in one place, which many processors feel. Objects in such pages can be lent no
// protection by Mapping.
package slab
