//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package sys

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"sync/atomic"
	"syscall"
	"unsafe"

	"github.com/typedmem/typedmem/flags"
	"golang.org/x/sys/unix"
)

// ErrNoRoom is the system's error for a process at its limit of areas.
var ErrNoRoom error = unix.ENOMEM

// OutOfAddresses reports whether the system refused because no addresses, areas or memory are left.
// OutOfLocks counts as such.
func OutOfAddresses(err error) bool { return errors.Is(err, unix.ENOMEM) || OutOfLocks(err) }

// OutOfLocks reports whether the system refused because no more memory may be locked. After
// mlockall(2) with MCL_FUTURE even addresses without memory count.
func OutOfLocks(err error) bool { return errors.Is(err, unix.EAGAIN) }

// HasFixed says whether Map supports flags.Fixed.
const HasFixed = true

func granularity() int { return os.Getpagesize() }

// mmap is mmap(2) on plain addresses. unix.Mmap keeps a table of slices, which splitting and
// merging would break.
func mmap(addr uintptr, n, prot, flag, fd int, off int64) (uintptr, error) {
	// SAFETY: the address is a hint or a range that the caller owns; no Go object lives there.
	p, err := unix.MmapPtr(fd, off, unsafe.Add(unsafe.Pointer(nil), addr), uintptr(n), prot, flag)
	if OutOfLocks(err) {
		locksAll.Store(true)
	}
	return uintptr(p), err
}

// locksAll says that the system locks all that is mapped, reserved ranges too: it refused one for
// that reason.
var locksAll atomic.Bool

func release(addr uintptr, n int) error {
	return unix.MunmapPtr(unsafe.Add(unsafe.Pointer(nil), addr), uintptr(n))
}

func freesAtOnce(uintptr, int) bool { return true }

// bytesAt returns a mapped range for x/sys wrappers that take a slice only for its address and
// length.
func bytesAt(addr uintptr, n int) []byte {
	// SAFETY: the slice is handed to a system call and never read here; the range is owned by the
	// caller and off the Go heap.
	return unsafe.Slice((*byte)(unsafe.Add(unsafe.Pointer(nil), addr)), n)
}

// largePage is what Linux can map at once where it has so much of a file in one piece: as many
// pages as one page has room for addresses of 8 bytes. 0: files are shown page by page.
var largePage = func() int {
	if (runtime.GOOS == "linux" || runtime.GOOS == "android") && strconv.IntSize == 64 {
		return PageSize() / 8 * PageSize()
	}
	return 0
}()

func reserve(hint uintptr, n, align int, offset int64) (uintptr, error) {
	const flag = unix.MAP_PRIVATE | unix.MAP_ANON | mapNoReserve
	if offset != NoFile && hint == 0 && align <= PageSize() && largePage > 0 && n >= largePage {
		if addr, err := reserveAs(0, n, largePage, int(offset%int64(largePage)), flag); err == nil {
			return addr, nil
		} // there may be room elsewhere, or without the pages beside it
	}
	return reserveAs(hint, n, align, 0, flag)
}

func reserveJIT(hint uintptr, n, align int) (uintptr, error) {
	return reserveAs(hint, n, align, 0, unix.MAP_PRIVATE|unix.MAP_ANON|mapNoReserve|mapJIT)
}

// reserveAs reserves n bytes that begin phase bytes after a multiple of align.
func reserveAs(hint uintptr, n, align, phase, flag int) (uintptr, error) {
	if align <= PageSize() {
		return mmap(hint, n, unix.PROT_NONE, flag, NoFile, 0)
	}
	// Linux places what is large at a multiple of the large page, and then the first attempt is
	// enough. The second always is.
	for room := n + phase; ; room = n + align {
		addr, err := mmap(hint, room, unix.PROT_NONE, flag, NoFile, 0)
		if err != nil {
			return 0, err
		}
		head := int((uintptr(phase) - addr) & uintptr(align-1))
		tail := room - n - head
		if tail < 0 {
			if err := Release(addr, room); err != nil {
				return 0, errors.Join(err, release(addr, room))
			}
			continue
		}
		if head > 0 {
			if err := Release(addr, head); err != nil {
				return 0, errors.Join(err, release(addr, room))
			}
		}
		start := addr + uintptr(head)
		if tail > 0 {
			if err := Release(start+uintptr(n), tail); err != nil {
				return 0, errors.Join(err, release(start, n+tail))
			}
		}
		return start, nil
	}
}

func mapMemory(r Request) (uintptr, error) {
	addr, err := mapPages(r)
	if err != nil {
		return 0, err
	}
	if err := applyFlags(addr, r); err != nil {
		undo := release
		if r.Replace {
			undo = hold
		}
		if r.Unsafe.Has(flags.Fixed) && !r.Replace {
			err = fmt.Errorf("%w; %w", err, ErrReplaced)
		}
		return 0, errors.Join(err, undo(addr, r.Len))
	}
	return addr, nil
}

// onFd is withFd for calls that take a descriptor as an int. It repeats a call that a signal
// interrupts.
func onFd(f *os.File, call func(fd int) error) error {
	return withFd(f, func(fd uintptr) error {
		return uninterrupted(func() error { return call(int(fd)) })
	})
}

// uninterrupted repeats a system call until no signal interrupts it: the Go runtime sends signals
// to its own threads (signal(7)).
func uninterrupted(call func() error) error {
	for {
		if err := call(); err != unix.EINTR {
			return err
		}
	}
}

// sharing returns the flags of mmap(2) that all of these systems have.
func sharing(r Request) int {
	flag := unix.MAP_PRIVATE
	if r.Flags.Has(flags.Shared) {
		flag = unix.MAP_SHARED
	}
	if r.File == nil {
		flag |= unix.MAP_ANON
	}
	if r.Flags.Has(flags.NoReserve) {
		flag |= mapNoReserve
	}
	return flag | int(r.System)
}

// takesJIT reports whether memory gets the system's own flag for flags.JIT: private memory at a
// place that the kernel chooses.
func takesJIT(r Request) bool {
	return mapJIT != 0 && r.Unsafe.Has(flags.JIT) && !r.Unsafe.Has(flags.Fixed) && !r.Flags.Has(flags.Shared) && r.File == nil && r.PageSize == 0
}

// mapPages makes the mapping itself.
func mapPages(r Request) (addr uintptr, err error) {
	if r.Replace && takesJIT(r) {
		return r.Addr, protect(r.Addr, r.Len, r.Prot) // the range came from ReserveJIT
	}
	flag, fd, err := mapFlags(r)
	if err != nil {
		return 0, err
	}
	if r.File == nil {
		return mapDescriptor(r, flag, fd)
	}
	err = onFd(r.File, func(fd int) (err error) {
		addr, err = mapDescriptor(r, flag, fd)
		return err
	})
	return addr, err
}

func mapDescriptor(r Request, flag, fd int) (uintptr, error) {
	if !r.Replace {
		if r.Unsafe.Has(flags.Fixed) {
			return mapFixed(r, flag|unix.MAP_FIXED, fd)
		}
		return mmap(r.Addr, r.Len, protBits(r.Prot), flag, fd, r.Offset)
	}
	if fd == NoFile && flag&^mapNoReserve == unix.MAP_PRIVATE|unix.MAP_ANON {
		// The reserved range is private anonymous memory already. A change of protection leaves no
		// hole, as a failing MAP_FIXED may.
		return r.Addr, protect(r.Addr, r.Len, r.Prot)
	}
	addr, err := mmap(r.Addr, r.Len, protBits(r.Prot), flag|unix.MAP_FIXED, fd, r.Offset)
	if err != nil {
		return 0, errors.Join(err, hold(r.Addr, r.Len))
	}
	return addr, nil
}

// mapFixed maps where another mapping may be. The kernel may unmap that one and then fail to map
// the file.
func mapFixed(r Request, flag, fd int) (uintptr, error) {
	was := mapped(r.Addr, r.Len)
	addr, err := mmap(r.Addr, r.Len, protBits(r.Prot), flag, fd, r.Offset)
	if err != nil && was && !mapped(r.Addr, r.Len) {
		err = fmt.Errorf("%w; %w", err, ErrReplaced)
	}
	return addr, err
}

// mapped reports whether all of a range is mapped. msync(2) returns ENOMEM if a part is not.
func mapped(addr uintptr, n int) bool {
	return !errors.Is(unix.Msync(bytesAt(addr, n), unix.MS_ASYNC), unix.ENOMEM)
}

// applyFlags carries out the flags that mmap does not have. It calls the exported functions, so
// that tests can make each step fail.
func applyFlags(addr uintptr, r Request) error {
	if r.Flags&flags.Advice != 0 {
		err := Advise(addr, r.Len, r.Flags&flags.Advice)
		// A refused DontNeed is no error: new memory has nothing to drop.
		if err != nil && (r.Flags.Has(flags.NoCoreDump) || !Refused(err)) {
			return fmt.Errorf("advice %v: %w", r.Flags&flags.Advice, err)
		}
	}
	if r.Flags.Has(flags.Locked) {
		if err := Lock(addr, r.Len); err != nil {
			return NotLocked(r.Len, err)
		}
	}
	if r.Flags.Has(flags.Populate) {
		populate(addr, r)
	}
	return nil
}

func hold(addr uintptr, n int) error {
	_, err := mmap(addr, n, unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANON|mapNoReserve|unix.MAP_FIXED, NoFile, 0)
	if !OutOfAddresses(err) {
		if err == nil && locksAll.Load() {
			_ = unlock(addr, n)
		}
		return err
	}
	return holdInPlace(addr, n, err)
}

// holdInPlace is hold where the system refuses a new mapping even in place of another. Changing the
// protection and unmapping take no further area unless they split one.
func holdInPlace(addr uintptr, n int, err error) error {
	if protect(addr, n, flags.None) == nil {
		_ = unlock(addr, n)
		_ = drop(addr, n) // the rest is released with the addresses
		return nil
	}
	if release(addr, n) == nil {
		if reserveAgain(addr, n) {
			return nil
		}
		return fmt.Errorf("%w: %w", ErrFreed, err)
	}
	if drop(addr, n) == nil {
		return nil
	}
	return err
}

// reserveAgain reserves a range that was just unmapped, unless another thread has taken it.
func reserveAgain(addr uintptr, n int) bool {
	got, err := mmap(addr, n, unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANON|mapNoReserve|mapNoReplace, NoFile, 0)
	if err == nil && got != addr {
		_ = release(got, n)
	}
	return err == nil && got == addr
}

func protect(addr uintptr, n int, p flags.Protection) error {
	return unix.Mprotect(bytesAt(addr, n), protBits(p))
}

func lock(addr uintptr, n int) error   { return unix.Mlock(bytesAt(addr, n)) }
func unlock(addr uintptr, n int) error { return unix.Munlock(bytesAt(addr, n)) }

func flush(addr uintptr, n int, f *os.File, async bool) error {
	if async {
		return unix.Msync(bytesAt(addr, n), unix.MS_ASYNC)
	}
	if err := unix.Msync(bytesAt(addr, n), unix.MS_SYNC); err != nil || !FlushNeedsFile || f == nil {
		return err
	}
	return syncFile(f)
}

func advise(addr uintptr, n int, f flags.Map) error {
	for _, a := range advices {
		if !f.Has(a.flag) {
			continue
		}
		err := uninterrupted(func() error { return giveAdvice(addr, n, a.advice) })
		if err != nil && !slices.Contains(a.ignore, err) && (a.flag&promises != 0 || !Refused(err)) {
			return err
		}
	}
	return nil
}

// advice ties a flag to the system's number for it.
type advice struct {
	flag   flags.Map
	advice int
	ignore []error // that say no more than that the hint came to nothing, beside those of Refused
}

func duplicate(f *os.File) (*os.File, error) {
	var copied int
	err := onFd(f, func(fd int) (err error) {
		if copied, err = unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0); !Refused(err) {
			return err
		}
		syscall.ForkLock.RLock() // keeps a child from inheriting the descriptor
		defer syscall.ForkLock.RUnlock()
		if copied, err = unix.Dup(fd); err == nil {
			unix.CloseOnExec(copied)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(copied), f.Name()), nil
}

func lockFile(f *os.File, shared bool) error {
	how := unix.LOCK_EX
	if shared {
		how = unix.LOCK_SH
	}
	err := flock(f, how|unix.LOCK_NB)
	if err == unix.EWOULDBLOCK {
		return ErrLocked
	}
	return err
}

func unlockFile(f *os.File) error { return flock(f, unix.LOCK_UN) }

func flock(f *os.File, how int) error {
	return onFd(f, func(fd int) error { return unix.Flock(fd, how) })
}

func protBits(p flags.Protection) int {
	bits := unix.PROT_NONE
	if p.Has(flags.Read) {
		bits |= unix.PROT_READ
	}
	if p.Has(flags.Write) {
		bits |= unix.PROT_WRITE
	}
	if p.Has(flags.Execute) {
		bits |= unix.PROT_EXEC
	}
	return bits
}
