// Package blob stores bytes and strings of any length off the Go heap, in anonymous memory and in
// files, and names each by a [Ref] of 8 bytes. A Ref may be part of the elements of a region or
// slab, which cannot hold strings, and stays valid across runs and processes.
//
// # Stores
//
//   - [New] makes a store in anonymous memory.
//   - [OpenFile], and its short forms [Create], [Open] and [OpenMut], work on blob files
//     (FORMAT.md): region files of bytes that begin with a magic number.
//   - [NewTable] makes an index of a store by its bytes, which stores each distinct string once.
//
// Blobs are appended, and never changed or removed. A store has one writer and many readers, in any
// number of processes. It grows in place: views stay valid. A store takes 8 bytes more than each
// blob has, and up to 7 to the next multiple of 8; at most 512 GiB, with blobs below 64 GiB.
//
// # What a Ref promises
//
// In front of each blob is a word with its length and 28 bits of a checksum, the mark, which the
// Ref has too. The checksum is taken of a random key of the store, the blob's place, its length and
// its bytes. Every read compares all of that, so it returns the bytes that were appended, or an
// error. [ErrNoBlob] stands for a Ref that was made up, belongs to another store or was lost in a
// system crash, also where the next writer has put another blob in its place;
// [typedmem.ErrCorrupt] stands for damaged bytes. Other bytes pass for the right ones with a chance
// of 1 in 1<<28. The mark finds mistakes and damage; it is no protection against a program that
// writes the file with intent, and knows the key, as every reader does.
//
// The mark costs a pass over the bytes, at some gigabytes a second: View, Equal and AppendTo take
// time in proportion to the length. A View is not checked again after that.
//
// # Concurrency
//
// All methods may run at the same time. One Append runs at a time, others wait; reads never wait
// for it. [Store.Close] returns [typedmem.ErrBusy] beside some calls; beside the others it ends
// what they read, with an error and not with a fault. Views that were returned are checked at each
// access, as package region says; hold a [Store.Pin] while you use one if another goroutine may
// close the store.
//
// # Crashes
//
// A blob is published as a whole: after a writer was killed, the next one finds all blobs whose
// Append has returned. After a system crash it finds those of the last [Store.Sync], and so does a
// reader. If records in other files have Refs, each file is durable up to its own last Sync. Make
// the store durable before the records, and append no blob in between; or have [Store.SyncBefore]
// do it, which needs no such pause:
//
//	err := names.SyncBefore(records.Sync)
//
// # Cold files
//
// A file may be larger than memory. View, AppendTo, Text, Equal and All first bring in the pages of
// a blob by a system call (see [typedmem.Mapping.Prefault]), in blocks of 64 KiB, and remember
// those for half a second. So a goroutine that waits for the device does not stop its thread, and a
// page that cannot be read is an error. If another program cuts the file off, a read returns
// [typedmem.ErrTruncated]. An access to a View may fault; see [typedmem.Guard].
package blob
