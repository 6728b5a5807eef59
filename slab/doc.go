// Package slab holds millions of typed objects off the Go heap, in memory-mapped memory. They are
// allocated and freed one by one. Handles name them: 8 bytes that can be stored, shared and written
// to files, and that are never valid again after a Free. In a file, a system crash undoes a Free
// that was not synced.
//
// # Handles
//
// A slot is the place of one object. A [Handle] is the index of a slot and the slot's generation.
// The generation grows with every Alloc and Free there and never wraps. It starts at a number that
// differs from slab to slab and from slot to slot. After 1<<30 - 1 objects or more it is exhausted,
// and the slot is retired. A handle of another slab, or one made up, is [ErrStale], except with a
// probability of 1 in 1<<30. Each slot has a word, apart from the objects, that holds its
// generation and whether an object lives in it: no write through [Slab.Ptr] can damage that.
//
// A handle is valid only in the slab that returned it. In a slab file it stays valid when the file
// is closed and opened again, also for readers. In a whole copy of that file, and in one that
// [Slab.Snapshot] made, it names the object as it was when the copy was made. In a new file of the
// same name it is stale.
//
// # Memory
//
// [New] makes anonymous memory, [Map] and [With] take options; [OpenFile], and its short forms
// [Create], [Open] and [OpenMut], work on slab files (FORMAT.md). Address space is reserved for the
// whole capacity; memory is committed as slots are used, and [Slab.Trim] releases it. A slot takes
// Sizeof(T) and 8 bytes for its word; the writer of a file has the word in memory a second time.
//
// T is a value without Go pointers: no pointer, string, slice, map, chan, func or interface, no
// type of packages sync and runtime, and not of size 0. In a file it also has no bool, int, uint or
// uintptr, no padding, and each number at a multiple of its size (a complex number counts as two):
// then every platform reads the same bytes. A refused T is an error that wraps [typedmem.ErrType]
// and names the field. A T with sync/atomic fields is used through [Slab.Ptr] and [Slab.Update]
// only.
//
// The capacity cannot change later, so choose a generous one:
//   - In memory an unused slot costs only address space, Sizeof(T)+8 bytes of it, and a few bits of
//     heap. A 32-bit program has little address space.
//   - In a file the words of the whole capacity come before the slots, 8 bytes each, as a hole.
//     They take space on the device as slots are used. The file size includes them from the
//     beginning; the slots follow as they are used.
//   - [OpenMut] takes time in proportion to the slots in use, whatever the capacity is. A slot is
//     in use from its first object on, also when it is free again.
//
// With a small capacity slots are reused often: a slab with a capacity of 1 can hold 1<<30 - 1
// objects or more one after the other, and then is full for good. [Slab.Stats] says how many slots
// are free, and where the others are.
//
// Lookups in a large slab that is not trimmed are faster with huge pages: [Map] with
// flags.TransparentHugePages in its Options. [New] does not use them, since the kernel would bring
// back what Trim released.
//
// # Concurrency
//
// All methods of Slab are safe for concurrent use; for Close see below. Free slots are in lists, a
// few for each processor. Alloc and Free lock one of them for a few instructions; a [Cache] avoids
// most contention. Load, Store, [Slab.Update], Insert and Free of one object are atomic to each
// other. A Load writes nothing to memory that others read, unless Stores keep changing the object.
//
// In builds with the race detector these operations order each other as those of sync/atomic do: a
// Load that returns what a Store wrote comes after it. An address from [Slab.Ptr] is raw memory.
// The detector treats Ptr as a read of the object, and reports a Store, Update or Free that is not
// synchronized with the call of Ptr. The detector cannot see what is done through the address
// later, or through the addresses that [Slab.All] yields. Objects with sync/atomic fields are left
// out.
//
// Sync and Flush may run in a goroutine of their own, such as one with a ticker, beside all that
// others do; a second one waits for the first. Close returns [typedmem.ErrBusy] beside them, or
// beside a pin; [Slab.Shutdown] waits for both.
//
// If Close, or a change of the Mapping, removes memory while another goroutine is inside an access,
// that access faults. While Close runs, a call may return ErrClosed and a later one still work;
// once it has returned none works. A pin ([Slab.Pin]) keeps out Close and a shrinking Resize of the
// Mapping; before a change of protection stop the other goroutines.
//
// # Files
//
// The file always records which objects are live. A process may be killed anywhere: the next
// OpenMut finds every object. After a crash of the system only synced changes are guaranteed; see
// [Slab.Sync]. A freed slot is not used again before its word was flushed. That happens in batches;
// when few slots are free, Alloc waits for the device. A boot ID in the file, a number that the
// system makes at each start, tells a crash of the system from the end of a process; see FORMAT.md.
//
// A reader ([Open]) sees at once what the writer does. It does not see that the writer is inside a
// Store, which only the writer's process knows. So a Load of a reader may mix the bytes before and
// after a Store, unless T is one number no larger than a machine word. A Load of a reader may also
// mix the bytes before and after a write through Ptr. If the process ends inside a Store, the
// mixture stays in the file. Objects that are inserted and freed but never changed are whole or
// [ErrStale] for readers: the writer first writes the bytes and then marks the object live, and it
// marks the object dead before it uses the slot again.
//
// [Slab.Snapshot] copies a slab while it is in use. With other programs copy a file while no writer
// has it open, and do not write to both: they would give out the same handles. A copy made beside a
// writer (cp, a backup) has the words of one moment and the bytes of another: an object can have
// the bytes of another one, and nothing in the copy shows that. A Sync before the copy does not
// help, since the writer goes on.
//
// # Opening files
//
// What the fields of [FileOptions] mean together. Any other combination is
// [typedmem.ErrOperation], whatever the file is.
//
//	Write  Create   no file           a file
//	-      -        fs.ErrNotExist    opened for reading
//	yes    -        fs.ErrNotExist    opened for writing
//	yes    yes      made              opened for writing
//
//	          a new file                    a file that exists
//	Capacity  objects, at least 1           ErrLayout if it has another one, 0: any
//	Perm      permission bits, less umask   not used
//	Flags     how the objects are mapped    how the objects are mapped
//	Debug     finds mistakes                finds mistakes; ErrOperation without Write
//
// A Capacity below 0, or 0 for a new file, is [typedmem.ErrSize]; bits in Perm that are no
// permissions, and flags.HugePages, are [typedmem.ErrOperation]. A symbolic link to a file stands
// for that file. No file is made in place of a link to nothing: that is [fs.ErrNotExist]. A
// directory or device is [typedmem.ErrOperation], an empty file [typedmem.ErrTruncated]. A slab
// file has one writer, and no private copies: its words and its objects have to change together.
//
// # Full disks
//
// A call that needs disk space and finds none changes nothing and returns an error that wraps the
// system's (ENOSPC, EDQUOT, EFBIG) and names the file. It does not fault, with two exceptions that
// the next paragraphs name: in an Update, and in a Load of a reader. A slab that Close could not
// sync stays open; [Slab.Close] says for how long. On ext4, tmpfs and NTFS only Alloc and Insert
// are refused, where the file would have to grow. On btrfs, bcachefs, ZFS, APFS, and XFS for files
// that were copied with cp --reflink, each page that was written back needs new space when it is
// changed: Store, Update, Free and OpenMut may be refused too. A slab in another shared file
// ([Map]) behaves as one in a slab file does. The server of an NFS or FUSE file may find its disk
// full later: Sync returns that error, if the kernel learns of it.
//
// An address ([Slab.Ptr], [Slab.All]) is raw memory: on btrfs and the others of its kind a store
// through it faults when the disk is full. Inside [Slab.Update] a store faults only if the system
// has written the page back since Update began. typedmem.Guard turns such a fault into an error
// that wraps ENOSPC.
//
// Besides the words of unused slots a file can have holes where a program has copied it and left
// out pages of zeros (cp, tar -S). OpenMut takes space for them, or returns the error that there is
// none. A read of a hole needs space on a full tmpfs alone: there [Open] may fail, and a Load of a
// slab that Open returned may fault, which Guard turns into an error that says that the page cannot
// be brought in.
//
// # Finding mistakes
//
// Config.Debug fills slots that are freed with a pattern and checks it when they are used again,
// which finds a write through a Ptr that was kept too long: Alloc returns a *[MisuseError] that
// names the object and the stacks of its allocation and Free, and retires the slot. Leaks lists the
// objects by the place that allocated them. Debug mode costs about two microseconds and 500 bytes
// of heap an object. In anonymous memory at an address that the system chooses, the slots lie
// between pages without access, and the whole capacity is committed; with a file or an address in
// Options neither is so. In a slab file (FileOptions.Debug) freed slots keep their bytes, since a
// power failure may bring the object back, and a copy on the heap takes the place of the pattern;
// there are no pages around the slots, and a slot that was written to is retired until the file is
// closed.
//
// Config.GuardEvery n puts one of every n objects at the end of a page of its own, as long as fewer
// than sixteen such objects live. The page after it allows no access, and after Free the object's
// own page allows none either: any access through a stale Ptr, or past the end, faults at once, and
// [Slab.Explain] says whose memory it was. All other objects cost more too: Alloc and Free together
// take about 35 ns instead of 20, through a Cache 30 instead of 9. Load and Ptr cost the same. All
// Allocs share one counter, which slows many processors down. A change of protection through
// Slab.Mapping leaves such pages as they are.
package slab
