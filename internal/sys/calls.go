// Package sys is the one seam between typedmem and the operating system: free functions on
// addresses, lengths and flags values, with the same signatures everywhere. System calls and their
// errors are here, policy is not.
//
// This file lists the functions and says what each does; the calls_GOOS files implement them under
// lower-case names. Other systems return errors.ErrUnsupported. Callers round every address and
// length to the page size in use, unless a comment says otherwise.
//
// A range of addresses is in one of three states, and most functions move it from one to another:
//
//	free      the system may give the addresses to anyone
//	reserved  the addresses are ours and have no memory; an access faults
//	mapped    the addresses have memory or show a file
package sys

import (
	"errors"
	"io/fs"
	"os"
	"syscall"

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
	PageSize flags.PageSize // size of huge pages; 0 for the usual page
	File     *os.File       // nil: anonymous memory
	Offset   int64          // of the first byte in File
	Replace  bool           // the range at Addr is reserved; otherwise it is free
}

// NoFile in place of a file's descriptor, or of an offset in a file, says that memory shows none.
const NoFile = -1

// Reserve turns a free range into a reserved one: n bytes at a multiple of align, at hint if
// possible. offset is the byte of a file that will be mapped at its first byte, or NoFile: some
// systems must know beforehand, and Linux can show a large file through large pages if both stand
// at the same place within one.
func Reserve(hint uintptr, n, align int, offset int64) (addr uintptr, err error) {
	return get(Call{Op: OpReserve, Addr: hint, Len: n}, func() (uintptr, error) { return reserve(hint, n, align, offset) })
}

// ReserveJIT is Reserve for private memory with flags.JIT, which macOS must know beforehand.
func ReserveJIT(hint uintptr, n, align int) (addr uintptr, err error) {
	return get(Call{Op: OpReserve, Addr: hint, Len: n}, func() (uintptr, error) { return reserveJIT(hint, n, align) })
}

// Map turns a free range, or with Replace a reserved one, into a mapped one. It also carries out
// the flags that take further system calls (locking, advice). On error the range is as before.
func Map(r Request) (addr uintptr, err error) {
	c := Call{Op: OpMap, Addr: r.Addr, Len: r.Len, File: r.File, Offset: r.Offset}
	return get(c, func() (uintptr, error) { return mapMemory(r) })
}

// Hold turns a mapped range into a reserved one: the memory is released, the addresses stay ours.
// Reserved parts stay reserved.
//
// The system may have no room for another area, or for more locked memory. Then Hold makes the
// pages inaccessible in place and drops them. If that takes an area too, it unmaps and reserves
// them anew; if another thread has taken the addresses in between, the error wraps ErrFreed and the
// range is free. As a last resort it only drops the pages: private memory reads as zero.
func Hold(addr uintptr, n int) error { return onRange(OpHold, addr, n, hold) }

// Drop releases the memory of a mapped range of private anonymous memory. The range stays mapped
// and reads as zero. That takes no further area. Where there is no such call it returns
// errors.ErrUnsupported or the system's error.
func Drop(addr uintptr, n int) error { return onRange(OpDrop, addr, n, drop) }

// Release turns a mapped or reserved range into a free one.
func Release(addr uintptr, n int) error { return onRange(OpRelease, addr, n, release) }

// FreesAtOnce reports whether the addresses of a reserved range are free as soon as Release
// returns. On Windows those of a part that is no placeholder are free once nothing else is left of
// what they were allocated with.
func FreesAtOnce(addr uintptr, n int) bool { return freesAtOnce(addr, n) }

// Name gives a mapped range of anonymous memory a name, which Areas then tells as its Label. Where
// there are no names it returns errors.ErrUnsupported or the system's error.
//   - Linux since 5.17, with CONFIG_ANON_VMA_NAME: PR_SET_VMA_ANON_NAME. The label is
//     "[anon:NAME]", for shared memory "[anon_shmem:NAME]". The kernel takes 79 bytes of printable
//     ASCII without \ ` $ [ and ]; the rest is cut off, and other bytes become _.
func Name(addr uintptr, n int, name string) error {
	return onRange(OpName, addr, n, func(addr uintptr, n int) error { return nameMemory(addr, n, name) })
}

// Protect sets what the pages of a mapped range may be used for.
func Protect(addr uintptr, n int, p flags.Protection) error {
	return do(Call{Op: OpProtect, Addr: addr, Len: n}, func() error { return protect(addr, n, p) })
}

// Lock keeps the pages of a mapped range in memory.
func Lock(addr uintptr, n int) error { return onRange(OpLock, addr, n, lock) }

// Unlock undoes Lock.
func Unlock(addr uintptr, n int) error { return onRange(OpUnlock, addr, n, unlock) }

// Flush writes changed pages of a shared file mapping to the file. With async it only starts that;
// otherwise the pages and the file's size are on the device when it returns. Until then any part of
// the pages may be there, with the former size. f is a handle of the mapped file, which some
// systems need.
func Flush(addr uintptr, n int, f *os.File, async bool) error {
	return do(Call{Op: OpFlush, Addr: addr, Len: n, File: f}, func() error { return flush(addr, n, f, async) })
}

// Advise passes on each flag of flags.Advice in f. It ignores refused hints; a refused promise is
// an error.
func Advise(addr uintptr, n int, f flags.Map) error {
	err := do(Call{Op: OpAdvise, Addr: addr, Len: n}, func() error { return advise(addr, n, f) })
	if Refused(err) && f&promises == 0 {
		return nil
	}
	return err
}

// promises are the advice on which programs may rely: that contents stay out of core dumps, and
// that they are dropped.
const promises = flags.NoCoreDump | flags.DontNeed

// Prefault brings the pages into memory, for writing if write is set. A page that cannot be brought
// in is an error. If the system lacks or refuses the call, Refused is true for the error.
func Prefault(addr uintptr, n int, write bool) error {
	return do(Call{Op: OpPrefault, Addr: addr, Len: n}, func() error { return prefault(addr, n, write) })
}

// Range is a range of addresses: N bytes from Addr on. It has the layout of struct iovec and of
// WIN32_MEMORY_RANGE_ENTRY.
type Range = struct {
	Addr uintptr
	N    int
}

// Prefetch tells the system that the ranges will be read soon. It is a hint for all of them in few
// system calls, and what the system refuses is not reported. If the system has no such call the
// error is errors.ErrUnsupported. It neither changes ranges nor allocates.
func Prefetch(ranges []Range) error {
	if err := before(Call{Op: OpPrefetch}); err != nil {
		return err
	}
	return prefetch(ranges)
}

// PrefaultAll is Prefault, for reading, of many ranges in few system calls. done of them came; the
// next one did not, for err. It does not allocate. If the system has no such call, Refused is true
// for the error.
func PrefaultAll(ranges []Range) (done int, err error) {
	if err := before(Call{Op: OpPrefault}); err != nil {
		return 0, err
	}
	return prefaultAll(ranges)
}

// PrefaultsMany reports whether the system has the call of PrefaultAll.
func PrefaultsMany() bool { return populatesMany() }

// Resident sets pages[i] to 1 if the page number i of a mapped range, of PageSize bytes, is in
// memory, and to 0 if it is not. A page of a file counts when the system has it for other programs.
// Some pages past the end of a file may count too. If the system lacks or refuses the call, Refused
// is true for the error. It does not allocate.
func Resident(addr uintptr, n int, pages []byte) error {
	if err := before(Call{Op: OpResident, Addr: addr, Len: n}); err != nil {
		return err
	}
	return resident(addr, n, pages[:(n+PageSize()-1)/PageSize()])
}

// TellsResident reports whether Resident is true of private and shared mappings of f. Linux tells
// it only to those who may write the file; for others all pages seem to be in memory (mincore(2)).
func TellsResident(f *os.File) bool { return tellsResident(f) }

// FlushInstructionCache makes code written to the range visible to instruction fetches of every
// processor. The addresses need no alignment.
func FlushInstructionCache(addr uintptr, n int) error {
	return onRange(OpFlushInstructionCache, addr, n, flushInstructionCache)
}

// Duplicate returns an independent handle of the same open file.
func Duplicate(f *os.File) (*os.File, error) {
	return get(Call{Op: OpDuplicate, File: f}, func() (*os.File, error) { return duplicate(f) })
}

// CreateFile creates a file at path with the permission bits of perm, less those of the umask, and
// opens it for reading and writing. If there is one, the error wraps fs.ErrExist. The handle and
// errors use name, the path that NameFile will give the file. Windows has no permission bits.
func CreateFile(path, name string, perm fs.FileMode) (*os.File, error) {
	return get(Call{Op: OpCreateFile, Path: path}, func() (*os.File, error) { return createFile(path, name, perm) })
}

// OpenFile opens the file at path for reading, and with write for writing. On Windows, as
// elsewhere, others can rename and remove it meanwhile.
func OpenFile(path string, write bool) (*os.File, error) {
	return get(Call{Op: OpOpenFile, Path: path}, func() (*os.File, error) { return openFile(path, write) })
}

// StatFile says which file path names now, for os.SameFile. If it names none, Gone is true for the
// error.
func StatFile(path string) (os.FileInfo, error) {
	if err := before(Call{Op: OpStatFile, Path: path}); err != nil {
		return nil, err
	}
	return statFile(path)
}

// Gone reports whether err says that a path names no file.
func Gone(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}

// FullPath returns the path without regard to the working directory, which may change.
func FullPath(path string) (string, error) { return fullPath(path) }

// NameFile renames f, which CreateFile created at from, to a name in the same directory. It
// replaces no file: if there is one, the error wraps fs.ErrExist.
func NameFile(f *os.File, from, to string) error {
	return do(Call{Op: OpNameFile, File: f, Path: to}, func() error { return nameFile(from, to) })
}

// Allocate makes the file at least off+n bytes long and sets disk space aside for the bytes [off,
// off+n), so that stores to them cannot run out of space; but see Solid. Where the file system
// cannot do that, or the system refuses the call, Refused is true for the error and the caller uses
// Extend. On error the file keeps its length.
func Allocate(f *os.File, off, n int64) error {
	return do(Call{Op: OpAllocate, File: f, Offset: off, Len: int(n)}, func() error { return allocate(f, off, n) })
}

// Zero makes the bytes [off, off+n) of the file read as zero, and releases the disk space of whole
// pages or blocks of them if the file system can. The length stays. off and n need no alignment.
func Zero(f *os.File, off, n int64) error {
	err := do(Call{Op: OpZero, File: f, Offset: off, Len: int(n)}, func() error { return zero(f, off, n) })
	if Refused(err) {
		return writeZeros(f, off, n)
	}
	return err
}

// LockFile takes the file's writer lock, or returns ErrLocked at once if another open file has it.
// The lock ends with the last handle of f, also when the process is killed.
func LockFile(f *os.File) error {
	return onFile(OpLockFile, f, func(f *os.File) error { return lockFile(f, false) })
}

// LockFileShared takes the writer lock together with others that take it so, or returns ErrLocked
// at once if another open file has it alone. It ends as that of LockFile does.
func LockFileShared(f *os.File) error {
	return onFile(OpLockFileShared, f, func(f *os.File) error { return lockFile(f, true) })
}

// UnlockFile releases the lock of LockFile or LockFileShared at once, for all handles of the open
// file. Closing f may release it later: a child process that is being started has copies of the
// handles for a moment.
func UnlockFile(f *os.File) error { return onFile(OpUnlockFile, f, unlockFile) }

// WriteBehind tells the system to begin writing to the device the whole pages in the bytes
// [off, off+n) of the file, so that a later SyncFile has less to wait for. It is a hint: where it
// fails, or the system has no such call, SyncFile does it all. SyncFile also returns the errors of
// writing that was begun here.
func WriteBehind(f *os.File, off, n int64) error {
	page := int64(PageSize())
	first := off / page * page
	return do(Call{Op: OpWriteBehind, File: f, Offset: off, Len: int(n)}, func() error { return writeBehind(f, first, (off+n)/page*page-first) })
}

// SyncFile returns when the file's data and length are on the device.
func SyncFile(f *os.File) error { return onFile(OpSyncFile, f, syncFile) }

// SyncEntry returns when the file's directory entry is on the device; for directories that cannot
// be opened. It may write much else of the file system too.
func SyncEntry(f *os.File) error { return onFile(OpSyncEntry, f, syncEntry) }

// Areas calls yield for each area of a process that overlaps [lo, hi), in ascending order, until
// yield returns false. ^uintptr(0) as hi means the end of the address space. Process 0 is this one.
func Areas(pid int, lo, hi uintptr, yield func(Area) bool) error {
	if err := before(Call{Op: OpAreas}); err != nil {
		return err
	}
	return areas(pid, lo, hi, ascending(yield))
}

// ascending cuts off what an earlier area has covered: when a process changes its address space
// meanwhile, an area can be joined with one already listed.
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

// Area is a stretch of an address space with one protection and one backing.
type Area struct {
	AllocationBase uintptr // start of the area's allocation
	Start, End     uintptr // [Start, End)
	Protection     flags.Protection
	Shared         bool
	Path           string // of the mapped file, unescaped; "" for memory
	Label          string // the system's name for other memory, as in "[heap]"
	Deleted        bool   // the file was removed; Path is its last name
	Offset         int64  // of Start in the file, bytes

	inode uint64 // of the file, if the system's list has it
}

// PageSize returns the smallest page size in bytes.
func PageSize() int { return os.Getpagesize() }

// Granularity returns the unit in bytes of addresses handed out and of file offsets.
func Granularity() int { return granularity() }

// PageSizes returns every page size that the kernel can map.
func PageSizes() (flags.PageSizes, error) { return pageSizes() }

// HugePageSize returns the page size of flags.HugePages when none is named.
func HugePageSize() (flags.PageSize, error) { return hugePageSize() }

// BootID identifies the boot of the system. ok is false where the system has no boot ID.
func BootID() (id [16]byte, ok bool) { return bootID() }

// PrivateBootID reports whether BootID is that of a container: others on the same system may see
// another one.
func PrivateBootID() bool { return privateBootID() }

// Uptime returns, in nanoseconds, when the system was started (since 1970, by the present clock)
// and how long it has run, suspension included. ok is false where that is not known, or BootID is
// never private.
func Uptime() (started, up int64, ok bool) { return uptime() }

// AreaCount returns the number of areas of the process and the system's limit. It reads a list of
// them all: some 100 µs for a thousand. ok is false if there is no limit or it is not known.
func AreaCount() (count, limit int, ok bool) { return areaCount() }

// AddressLimit returns how many bytes of addresses the process may have (RLIMIT_AS), and how many
// it has. ok is false if no limit is set.
func AddressLimit() (limit, used uint64, ok bool) { return addressLimit() }

// AddressSpace returns about how many bytes of addresses a process can have.
func AddressSpace() uint64 { return addressSpace() }

// LockRoom returns how many more bytes the process may lock in memory (RLIMIT_MEMLOCK). ok is false
// if that is not known.
func LockRoom() (left uint64, ok bool) { return lockRoom() }
