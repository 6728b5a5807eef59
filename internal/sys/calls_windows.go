package sys

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"unsafe"

	"github.com/typedmem/typedmem/flags"
	"golang.org/x/sys/windows"
)

// Sources: VirtualProtect, VirtualLock, FlushViewOfFile, PrefetchVirtualMemory, ReadProcessMemory,
// FlushInstructionCache and GetLargePageMinimum of the Windows API reference.

// FlushNeedsFile says whether Flush must be given a handle of the mapped file.
const FlushNeedsFile = true

// HasFixed says whether Map supports flags.Fixed. Windows does not map over what is mapped.
const HasFixed = false

// OutOfAddresses reports whether the system refused because no addresses, areas or memory are left.
func OutOfAddresses(err error) bool {
	return isAny(err, windows.ERROR_NOT_ENOUGH_MEMORY, windows.ERROR_OUTOFMEMORY, windows.ERROR_COMMITMENT_LIMIT, windows.ERROR_NO_SYSTEM_RESOURCES)
}

func isAny(err error, list ...error) bool {
	return slices.ContainsFunc(list, func(e error) bool { return errors.Is(err, e) })
}

// ErrNoRoom is the system's error for a process at its limit of areas.
var ErrNoRoom error = windows.ERROR_NOT_ENOUGH_MEMORY

// OutOfLocks reports whether the system refused because no more memory may be locked. Mapping locks
// nothing on Windows.
func OutOfLocks(error) bool { return false }

// drop is not implemented: on Windows hold releases the memory of any range.
func drop(uintptr, int) error { return errors.ErrUnsupported }

func granularity() int { return int(theSystem().allocationGranularity) }

// protect changes one allocation after the other. If one fails, it restores those before it.
func protect(addr uintptr, n int, p flags.Protection) error {
	list, err := owned.mapped(addr, n)
	if err != nil {
		return err
	}
	olds := make([]uint32, len(list))
	for i, s := range list {
		err := windows.VirtualProtect(s.start, s.end-s.start, pageProtection(p, s.of.private), &olds[i])
		if err == nil {
			continue
		}
		for j, done := range list[:i] {
			var old uint32
			err = errors.Join(err, windows.VirtualProtect(done.start, done.end-done.start, olds[j], &old))
		}
		return err
	}
	return nil
}

// lock locks one allocation after the other. VirtualLock is limited by the minimum working set,
// which lock raises if necessary.
func lock(addr uintptr, n int) error {
	list, err := owned.mapped(addr, n)
	if err != nil {
		return err
	}
	for i, s := range list {
		err := windows.VirtualLock(s.start, s.end-s.start)
		if errors.Is(err, windows.ERROR_WORKING_SET_QUOTA) {
			if err = growWorkingSet(s.end - s.start); err == nil {
				err = windows.VirtualLock(s.start, s.end-s.start)
			}
		}
		if err == nil {
			continue
		}
		for _, done := range list[:i] {
			err = errors.Join(err, windows.VirtualUnlock(done.start, done.end-done.start))
		}
		return err
	}
	return nil
}

// growWorkingSet allows n more bytes to be locked (SetProcessWorkingSetSize).
func growWorkingSet(n uintptr) error {
	const slack = 1 << 20 // the system needs a few pages itself
	var least, most uintptr
	var how uint32
	windows.GetProcessWorkingSetSizeEx(windows.CurrentProcess(), &least, &most, &how)
	return windows.SetProcessWorkingSetSizeEx(windows.CurrentProcess(), least+n+slack, max(most, least+n)+2*slack, 0)
}

// unlock undoes lock. Like munlock it accepts pages that are not locked; VirtualUnlock alone would
// refuse the whole range.
func unlock(addr uintptr, n int) error {
	list, err := owned.mapped(addr, n)
	if err != nil {
		return err
	}
	page := uintptr(PageSize())
	for _, s := range list {
		err := windows.VirtualUnlock(s.start, s.end-s.start)
		for at := s.start; errors.Is(err, windows.ERROR_NOT_LOCKED) && at < s.end; at += page {
			if one := windows.VirtualUnlock(at, page); one != nil && !errors.Is(one, windows.ERROR_NOT_LOCKED) {
				return one
			}
		}
		if err != nil && !errors.Is(err, windows.ERROR_NOT_LOCKED) {
			return err
		}
	}
	return nil
}

func flush(addr uintptr, n int, f *os.File, async bool) error {
	list, err := owned.mapped(addr, n)
	if err != nil {
		return err
	}
	views := false
	for _, s := range list {
		if s.of.kind != view {
			continue
		}
		views = true
		if err := flushView(s); err != nil {
			return fmt.Errorf("FlushViewOfFile: %w", err)
		}
	}
	if async || f == nil || !views {
		return nil
	}
	err = onHandle(f, windows.FlushFileBuffers)
	if errors.Is(err, windows.ERROR_ACCESS_DENIED) {
		// The handle cannot write, so neither could its views: nothing is left to write.
		return nil
	}
	return err
}

// flushView is FlushViewOfFile. It returns ERROR_LOCK_VIOLATION while the system is writing the
// pages, which soon ends.
func flushView(s part) (err error) {
	for range 100 {
		err = windows.FlushViewOfFile(s.start, s.end-s.start)
		if !errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
			break
		}
		windows.SleepEx(1, false)
	}
	return err
}

// advise supports WillNeed. The others are hints, and Windows has nothing for them.
func advise(addr uintptr, n int, f flags.Map) error {
	_, err := owned.mapped(addr, n)
	if err == nil && f.Has(flags.WillNeed) {
		_ = prefetch([]Range{{addr, n}})
	}
	return err
}

// prefault reads every page through the kernel, which returns an error where an access would fault.
// Committed memory has its space already, so reading is enough for writing too.
func prefault(addr uintptr, n int, _ bool) error {
	if _, err := owned.mapped(addr, n); err != nil {
		return err
	}
	_ = prefetch([]Range{{addr, n}}) // the fast way, as far as it works
	buffer := make([]byte, min(n, 1<<16))
	for done := 0; done < n; {
		part := min(n-done, len(buffer))
		var got uintptr
		err := windows.ReadProcessMemory(windows.CurrentProcess(), addr+uintptr(done), &buffer[0], uintptr(part), &got)
		if err != nil {
			return fmt.Errorf("the page at %#x: %w: %w", addr+uintptr(done)+got, ErrNoPage, err)
		}
		done += part
	}
	return nil
}

func flushInstructionCache(addr uintptr, n int) error {
	_, err := result(procFlushInstructionCache.Call(uintptr(windows.CurrentProcess()), addr, uintptr(n)))
	return err
}

func pageSizes() (flags.PageSizes, error) {
	base, _ := flags.PageSizeOf(int64(PageSize()))
	set := flags.Sizes(base)
	if large, err := hugePageSize(); err == nil {
		set |= flags.Sizes(large)
	}
	return set, nil
}

func hugePageSize() (flags.PageSize, error) {
	p, ok := flags.PageSizeOf(int64(windows.GetLargePageMinimum()))
	if !ok {
		return 0, fmt.Errorf("the processor has no large pages: %w", errors.ErrUnsupported)
	}
	return p, nil
}

// bootID is the time at which the system was started (NtQuerySystemInformation with
// SystemTimeOfDayInformation). Setting the clock moves BootTime and BootTimeBias by the same
// amount, so their difference stays.
func bootID() (id [16]byte, ok bool) {
	var info struct { // SYSTEM_TIMEOFDAY_INFORMATION
		bootTime, currentTime, timeZoneBias int64
		timeZone, _                         uint32
		bootTimeBias, sleepTimeBias         uint64
	}
	// SAFETY: NtQuerySystemInformation fills the structure, whose size it is given.
	err := windows.NtQuerySystemInformation(windows.SystemTimeOfDayInformation, unsafe.Pointer(&info), uint32(unsafe.Sizeof(info)), nil)
	if err != nil || info.bootTime == 0 {
		return id, false
	}
	started := uint64(info.bootTime) - info.bootTimeBias
	for i := range 8 {
		id[i] = byte(started >> (8 * i))
	}
	return id, true
}
