// Package sys is the one seam between typedmem and the operating system: free functions on
// addresses, lengths and flags values, with the same signatures everywhere. System calls and their
// errors live here, policy does not.
//
// This file lists the functions and says what each does; calls_GOOS files hold the bodies under
// lower-case names. A GOOS without bodies returns errors.ErrUnsupported. Every address and length
// is a multiple of the page size in use unless a comment says otherwise: the callers round.
//
// A range of addresses is in one of three states, and each function below is a step between two of
// them:
//
//	free      the system may give the addresses to anyone
//	reserved  the addresses are ours, nothing is behind them, an access faults
//	mapped    memory or a file is behind them
package sys

import (
	"os"

	"github.com/typedmem/typedmem/flags"
)

// Request says what Map is to make.
type Request struct {
	Addr     uintptr // a hint; the exact place with Replace or flags.Fixed
	Len      int     // bytes
	Prot     flags.Protection
	Flags    flags.Map
	Unsafe   flags.Unsafe
	System   uintptr        // further flags of the system's own call, passed through
	PageSize flags.PageSize // not zero: huge pages of this size
	File     *os.File       // nil: anonymous memory
	Offset   int64          // of the first byte in File
	Replace  bool           // the range at Addr is reserved and becomes mapped; otherwise it is free
}

// Reserve turns a free range into a reserved one: n bytes at a multiple of align, at hint where
// that is possible. file says that files will be mapped into it, which some systems have to know
// beforehand.
func Reserve(hint uintptr, n, align int, file bool) (addr uintptr, err error) {
	if err := before(Call{Op: OpReserve, Addr: hint, Len: n}); err != nil {
		return 0, err
	}
	return reserve(hint, n, align, file)
}

// ReserveJIT is Reserve for private memory with flags.JIT, which macOS has to know beforehand.
func ReserveJIT(hint uintptr, n, align int) (addr uintptr, err error) {
	if err := before(Call{Op: OpReserve, Addr: hint, Len: n}); err != nil {
		return 0, err
	}
	return reserveJIT(hint, n, align)
}

// Map turns a free range, or with Replace a reserved one, into a mapped one and carries out the
// flags that take further system calls (locking, advice). When it fails the range is as it was
// before.
func Map(r Request) (addr uintptr, err error) {
	if err := before(Call{Op: OpMap, Addr: r.Addr, Len: r.Len, File: r.File, Offset: r.Offset}); err != nil {
		return 0, err
	}
	return mapMemory(r)
}

// Hold turns a mapped range into a reserved one: the memory goes back to the system, the addresses
// stay ours. Reserved parts stay reserved.
//
// It works where the system has no room for another area, or for more locked memory, as well: then
// the pages are made inaccessible in place and dropped. Where that takes an area too, they are
// unmapped and reserved anew; should another thread have taken the addresses in between, the error
// wraps ErrFreed and the range is a free one. At last pages are only dropped: private memory reads
// as zero.
func Hold(addr uintptr, n int) error {
	if err := before(Call{Op: OpHold, Addr: addr, Len: n}); err != nil {
		return err
	}
	return hold(addr, n)
}

// Drop gives the memory of a mapped range of private anonymous memory back and leaves the range
// mapped: it reads as zero. It needs no area. errors.ErrUnsupported, or the system's error, where
// there is no such call.
func Drop(addr uintptr, n int) error {
	if err := before(Call{Op: OpDrop, Addr: addr, Len: n}); err != nil {
		return err
	}
	return drop(addr, n)
}

// Release turns a mapped or reserved range into a free one.
func Release(addr uintptr, n int) error {
	if err := before(Call{Op: OpRelease, Addr: addr, Len: n}); err != nil {
		return err
	}
	return release(addr, n)
}

// Protect sets what the pages of a mapped range may be used for.
func Protect(addr uintptr, n int, p flags.Protection) error {
	if err := before(Call{Op: OpProtect, Addr: addr, Len: n}); err != nil {
		return err
	}
	return protect(addr, n, p)
}

// Lock keeps the pages of a mapped range in memory.
func Lock(addr uintptr, n int) error {
	if err := before(Call{Op: OpLock, Addr: addr, Len: n}); err != nil {
		return err
	}
	return lock(addr, n)
}

// Unlock undoes Lock.
func Unlock(addr uintptr, n int) error {
	if err := before(Call{Op: OpUnlock, Addr: addr, Len: n}); err != nil {
		return err
	}
	return unlock(addr, n)
}

// Flush writes changed pages of a shared file mapping to the file: async starts it, otherwise it is
// done, to the device, on return, and the size that the file has is there too. Until then any part
// of the pages may be on the device, with the size of before. f is a handle of the mapped file,
// which some systems need.
func Flush(addr uintptr, n int, f *os.File, async bool) error {
	if err := before(Call{Op: OpFlush, Addr: addr, Len: n, File: f}); err != nil {
		return err
	}
	return flush(addr, n, f, async)
}

// Advise passes on each flag of flags.Advice that f holds. Hints that the system refuses are left
// out; what is a promise, see promises, is kept or an error.
func Advise(addr uintptr, n int, f flags.Map) error {
	err := before(Call{Op: OpAdvise, Addr: addr, Len: n})
	if err == nil {
		err = advise(addr, n, f)
	}
	if Refused(err) && f&promises == 0 {
		return nil
	}
	return err
}

// promises are the advice that a program may rely on: that contents do not get into a core dump,
// and that they are dropped.
const promises = flags.NoCoreDump | flags.DontNeed

// Prefault brings the pages in, for writing where write is set, and reports a page that cannot come
// as an error. Where the system has no such call, or refuses it, Refused knows the error.
func Prefault(addr uintptr, n int, write bool) error {
	if err := before(Call{Op: OpPrefault, Addr: addr, Len: n}); err != nil {
		return err
	}
	return prefault(addr, n, write)
}

// FlushInstructionCache makes code written to the range visible to instruction fetches of every
// processor. Addresses of any alignment.
func FlushInstructionCache(addr uintptr, n int) error {
	if err := before(Call{Op: OpFlushInstructionCache, Addr: addr, Len: n}); err != nil {
		return err
	}
	return flushInstructionCache(addr, n)
}

// Duplicate returns an independent handle of the same open file.
func Duplicate(f *os.File) (*os.File, error) {
	if err := before(Call{Op: OpDuplicate, File: f}); err != nil {
		return nil, err
	}
	return duplicate(f)
}

// CreateFile makes a file at path and opens it for reading and writing. One that exists is an error
// that wraps fs.ErrExist. name is what the handle, and errors about it, call the file: the path
// that NameFile will give it.
func CreateFile(path, name string) (*os.File, error) {
	if err := before(Call{Op: OpCreateFile, Path: path}); err != nil {
		return nil, err
	}
	return createFile(path, name)
}

// OpenFile opens the file at path for reading, with write for writing too. On Windows others may
// then rename and remove it meanwhile, as they may elsewhere.
func OpenFile(path string, write bool) (*os.File, error) {
	if err := before(Call{Op: OpOpenFile, Path: path}); err != nil {
		return nil, err
	}
	return openFile(path, write)
}

// NameFile gives the file f, which CreateFile made at from, the name to instead, in the same
// directory. It replaces no file: one that exists is an error that wraps fs.ErrExist.
func NameFile(f *os.File, from, to string) error {
	if err := before(Call{Op: OpNameFile, File: f, Path: to}); err != nil {
		return err
	}
	return nameFile(from, to)
}

// Allocate makes the file at least off+n bytes long and sets disk space aside for the bytes [off,
// off+n), so that storing into them later cannot run out of space, but see Solid. Where the file
// system cannot set space aside, or the system refuses the call, Refused knows the error, and
// Extend is the other way. On error the file has the length that it had.
func Allocate(f *os.File, off, n int64) error {
	if err := before(Call{Op: OpAllocate, File: f, Offset: off, Len: int(n)}); err != nil {
		return err
	}
	return allocate(f, off, n)
}

// Zero makes the bytes [off, off+n) of the file read as zero, giving their disk space back where
// the file system can. The length of the file stays. Any offset and length.
func Zero(f *os.File, off, n int64) error {
	err := before(Call{Op: OpZero, File: f, Offset: off, Len: int(n)})
	if err == nil {
		err = zero(f, off, n)
	}
	if Refused(err) {
		return writeZeros(f, off, n)
	}
	return err
}

// LockFile takes the file's writer lock, or returns ErrLocked at once when another open file has
// it. The lock goes with the last handle of f, also when the process is killed.
func LockFile(f *os.File) error {
	if err := before(Call{Op: OpLockFile, File: f}); err != nil {
		return err
	}
	return lockFile(f)
}

// UnlockFile gives the lock of LockFile up at once, for all handles of the open file. Closing alone
// does so with the last handle, and a child process that is being started has all of them for a
// moment.
func UnlockFile(f *os.File) error {
	if err := before(Call{Op: OpUnlockFile, File: f}); err != nil {
		return err
	}
	return unlockFile(f)
}

// SyncFile returns when the file's data and length are on the device.
func SyncFile(f *os.File) error {
	if err := before(Call{Op: OpSyncFile, File: f}); err != nil {
		return err
	}
	return syncFile(f)
}

// SyncEntry returns when the file's entry in its directory is on the device, for a directory that
// cannot be opened. It may write much else of the file system too.
func SyncEntry(f *os.File) error {
	if err := before(Call{Op: OpSyncEntry, File: f}); err != nil {
		return err
	}
	return syncEntry(f)
}

// Areas calls yield for each area of the process's address space that overlaps [lo, hi), in
// ascending order, until yield returns false. hi is exclusive; ^uintptr(0) stands for the end of
// the address space. Process 0 is this one.
func Areas(pid int, lo, hi uintptr, yield func(Area) bool) error {
	if err := before(Call{Op: OpAreas}); err != nil {
		return err
	}
	return areas(pid, lo, hi, ascending(yield))
}

// ascending clips areas to what follows the one before: a process that changes its address
// space meanwhile may have an area joined to one that was listed.
func ascending(yield func(Area) bool) func(Area) bool {
	var end uintptr
	return func(a Area) bool {
		if a.End <= end {
			return true
		}
		if a.Start < end {
			if a.Path != "" {
				a.Offset += int64(end - a.Start)
			}
			a.Start = end
		}
		end = a.End
		return yield(a)
	}
}

// Area is one stretch of a process's address space with one protection and one backing.
type Area struct {
	AllocationBase uintptr // start of the allocation that the area is part of
	Start, End     uintptr // [Start, End)
	Protection     flags.Protection
	Shared         bool
	Path           string // of the mapped file, unescaped; "" for memory
	Label          string // the system's name for memory that is no file, as in "[heap]"
	Deleted        bool   // the file has no name any more; Path is the one it had
	Offset         int64  // of Start in the file, bytes

	inode uint64 // of the file, where the system's list names it
}

// PageSize returns the smallest page size in bytes.
func PageSize() int { return os.Getpagesize() }

// Granularity returns the unit in bytes in which addresses are handed out and file offsets are
// mapped.
func Granularity() int { return granularity() }

// PageSizes returns every page size that the kernel can map.
func PageSizes() (flags.PageSizes, error) { return pageSizes() }

// HugePageSize returns the page size that flags.HugePages stands for when no size is named.
func HugePageSize() (flags.PageSize, error) { return hugePageSize() }

// BootID names the boot of the system. ok is false where the system has no
// such name.
func BootID() (id [16]byte, ok bool) { return bootID() }

// PrivateBootID reports whether BootID names the run of a container and not the system's: others on
// the same system may see another one.
func PrivateBootID() bool { return privateBootID() }

// Uptime returns, in nanoseconds, when the system was started by what the clock says now, since
// 1970, and how long it has run, time in which it was suspended included. ok is false where that is
// not known, which is so where no BootID is private.
func Uptime() (started, up int64, ok bool) { return uptime() }

// AreaCount counts the areas of the process's address space and returns how many the system allows.
// It reads a list of them all: some 100 µs for a thousand. ok is false where there is no such
// limit, or it cannot be known.
func AreaCount() (count, limit int, ok bool) { return areaCount() }

// AddressLimit returns how many bytes of addresses the process may have (RLIMIT_AS), and how many
// it has. ok is false where no limit is set.
func AddressLimit() (limit, used uint64, ok bool) { return addressLimit() }

// AddressSpace returns how many bytes of addresses a process can have at the most, about.
func AddressSpace() uint64 { return addressSpace() }

// LockRoom returns how many bytes more the process may lock in memory (RLIMIT_MEMLOCK). ok is false
// where that cannot be known.
func LockRoom() (left uint64, ok bool) { return lockRoom() }
