package typedmem

import (
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/internal/sys"
)

// Lock keeps the whole mapping in memory; see LockRange.
func (m *Mapping) Lock() error { return m.onWhole("lock", needCommitted|needReadable, m.lock) }

// Unlock undoes Lock; see UnlockRange.
func (m *Mapping) Unlock() error { return m.onWhole("unlock", needCommitted, m.unlock) }

// LockRange keeps the pages that hold the bytes [lo, hi) in memory. A reserved range is refused with ErrOperation, memory that cannot be read with
// ErrProtection, and a page past the end of the file with ErrTruncated.
//   - Unix: mlock(2), limited by RLIMIT_MEMLOCK. Windows: VirtualLock, limited by the working set.
func (m *Mapping) LockRange(lo, hi int) error {
	return m.onRange("lock", lo, hi, needCommitted|needReadable, m.lock)
}

func (m *Mapping) lock(addr uintptr, n int) error {
	if m.plan.HasFile || m.plan.PageSize != 0 { // a page that cannot come would fail mlock and leave the pages before it locked
		if err := m.pagesCome(addr, n, false); err != nil {
			return err
		}
	}
	if err := m.span.untakenAt(addr, n, sys.Lock); err != nil {
		return fmt.Errorf("%d bytes (how much may be locked is limited, see ulimit -l): %w", n, err)
	}
	return nil
}

func (m *Mapping) unlock(addr uintptr, n int) error { return m.span.untakenAt(addr, n, sys.Unlock) }

// UnlockRange undoes LockRange. Locks do not nest: one unlock undoes any number of locks of a page.
func (m *Mapping) UnlockRange(lo, hi int) error {
	return m.onRange("unlock", lo, hi, needCommitted, m.unlock)
}

// Flush writes what changed in the bytes [lo, hi) of a shared file mapping to the file, and returns when it is on the device. The range may have any
// alignment. Of anonymous and private memory there is nothing to write. A reserved range is refused with ErrOperation.
//   - Unix: msync(2) with MS_SYNC. The kernel reports an I/O error once: a second call may succeed although data was lost.
//   - Windows: FlushViewOfFile and FlushFileBuffers.
func (m *Mapping) Flush(lo, hi int) error { return m.flush("flush", lo, hi, false) }

// FlushAsync is Flush that starts the writing and does not wait.
//   - Linux: MS_ASYNC does nothing; the kernel writes changed pages by itself in any case.
func (m *Mapping) FlushAsync(lo, hi int) error { return m.flush("flush async", lo, hi, true) }

func (m *Mapping) flush(op string, lo, hi int, async bool) error {
	return m.onRange(op, lo, hi, needCommitted, func(addr uintptr, n int) error {
		if !m.plan.HasFile || !m.Shared() {
			return nil
		}
		return sys.Flush(addr, n, m.plan.File, async)
	})
}

// FlushInstructionCache makes code that was written to the mapping visible to instruction fetches of all processors. The mapping must be readable.
//   - amd64, 386, s390x: the processor does that by itself.
//   - arm64, ppc64: instructions of the processor; riscv64, arm and mips on Linux: a system call; loong64: a barrier. Windows: the API of that name.
//   - Elsewhere errors.ErrUnsupported.
func (m *Mapping) FlushInstructionCache() error {
	return m.on("flush instruction cache", needCommitted|needReadable, func() error {
		if m.span.mapped == 0 {
			return nil
		}
		return m.noPage(m.span.untaken(0, m.span.mapped, m.span.flushInstructionCache))
	})
}

// flushInstructionCache flushes the whole span. On some processors the instructions for that touch the memory, and a page may not come.
func (s *span) flushInstructionCache() error {
	var err error
	if fault := touching(func() { err = sys.FlushInstructionCache(s.base, s.mapped) }); fault != nil {
		return fault
	}
	return err
}

// Advise tells the kernel how the bytes [lo, hi) will be used: any of flags.Advice, in the order in which that lists them. Other flags are
// refused with ErrOperation. The range is widened to whole pages, but for DontNeed narrowed: no byte outside is dropped.
func (m *Mapping) Advise(lo, hi int, f flags.Map) error {
	if err := m.lookRange("advise", lo, hi, needCommitted); err != nil {
		return err
	}
	defer m.mu.RUnlock()
	if bad := f &^ flags.Advice; bad != 0 {
		return m.fail("advise", fmt.Errorf("%v is no advice (that is %v): %w", bad, flags.Advice, ErrOperation))
	}
	var err error
	if rest := f &^ flags.DontNeed; rest != 0 {
		if addr, n := m.pages(lo, hi); n > 0 {
			err = m.span.untakenAt(addr, n, func(addr uintptr, n int) error { return sys.Advise(addr, n, rest) })
		}
	}
	if err == nil && f.Has(flags.DontNeed) {
		if addr, n := m.pagesInside(lo, hi); n > 0 {
			err = m.span.untakenAt(addr, n, func(addr uintptr, n int) error { return sys.Advise(addr, n, flags.DontNeed) })
		}
	}
	if err != nil {
		return m.fail("advise", err)
	}
	return nil
}

// Prefault brings the pages that hold the bytes [lo, hi) into memory, so that no access to them has to wait for a fault. A page that cannot
// come, because the file was truncated or cannot be read, is an error and not a crash: ErrTruncated where the file is too short. The mapping must
// be readable.
//   - Linux since 5.14: MADV_POPULATE_READ, or MADV_POPULATE_WRITE for anonymous writable memory.
//   - Elsewhere every page is touched, and a fault caught.
func (m *Mapping) Prefault(lo, hi int) error {
	return m.onRange("prefault", lo, hi, needCommitted|needReadable, func(addr uintptr, n int) error {
		return m.pagesCome(addr, n, !m.plan.HasFile && m.plan.Protection.Has(flags.Write))
	})
}

// pagesCome brings pages of m in, and says so where the file is the reason that one cannot come.
func (m *Mapping) pagesCome(addr uintptr, n int, write bool) error {
	return m.noPage(bringIn(addr, n, m.plan.unit, write))
}

// noPage says so where the file is the reason that a page cannot come.
func (m *Mapping) noPage(err error) error {
	if m.plan.HasFile && errors.Is(err, sys.ErrNoPage) {
		return fmt.Errorf("a page lies past the end of the file, or cannot be read: %w (%w)", ErrTruncated, err)
	}
	return err
}

// bringIn has the system bring pages in, or touches them where it has no call for that.
func bringIn(addr uintptr, n, unit int, write bool) error {
	err := sys.Prefault(addr, n, write)
	if errors.Is(err, errors.ErrUnsupported) {
		return touch(addr, n, unit)
	}
	return err
}

// touch reads a byte of every page.
func touch(addr uintptr, n, unit int) error {
	return touching(func() {
		var sum byte
		for at, memory := 0, bytesAt(addr, n); at < n; at += unit {
			sum |= memory[at]
		}
		runtime.KeepAlive(sum) // the reads are not for nothing
	})
}

// touching calls f, which touches a range of memory, and turns a fault into ErrNoPage. It is of that range, whatever address comes with it: not every
// system and emulator gives the right one.
func touching(f func()) (err error) {
	old := debug.SetPanicOnFault(true)
	defer func() {
		debug.SetPanicOnFault(old)
		if fault, ok := recover().(runtime.Error); ok {
			err = fmt.Errorf("%w: %w", sys.ErrNoPage, fault)
		}
	}()
	f()
	return nil
}

// on runs f while the state of m stays as it is and fulfils needs.
func (m *Mapping) on(op string, needs need, f func() error) error {
	if err := m.look(op, needs); err != nil {
		return err
	}
	defer m.mu.RUnlock()
	if err := f(); err != nil {
		return m.fail(op, err)
	}
	return nil
}

// onRange runs f on the pages that hold the bytes [lo, hi); an empty range needs none.
func (m *Mapping) onRange(op string, lo, hi int, needs need, f func(addr uintptr, n int) error) error {
	if err := m.lookRange(op, lo, hi, needs); err != nil {
		return err
	}
	defer m.mu.RUnlock()
	addr, n := m.pages(lo, hi)
	if n == 0 {
		return nil
	}
	if err := f(addr, n); err != nil {
		return m.fail(op, err)
	}
	return nil
}

// onWhole runs f on all pages of the mapping.
func (m *Mapping) onWhole(op string, needs need, f func(addr uintptr, n int) error) error {
	return m.on(op, needs, func() error {
		addr, n := m.pages(0, m.length())
		if n == 0 {
			return nil
		}
		return f(addr, n)
	})
}
