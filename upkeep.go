package typedmem

import (
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/internal/sys"
)

// Lock keeps the whole mapping in memory, and what growth adds to it from now on: a growth that
// cannot lock its memory fails. What is mapped ahead of the length is locked too. Unlock ends that;
// see LockRange for the rest.
func (m *Mapping) Lock() error {
	if err := m.enter("lock", needCommitted|needReadable); err != nil {
		return err
	}
	before := m.locked
	m.locked = true
	err := m.work("lock", needCommitted|needReadable, work{addr: m.span.base, n: m.span.filled(m.plan.unit)}, m.mu.Unlock, m.lock)
	if err != nil {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.locked = before
	}
	return err
}

// Unlock undoes Lock, and flags.Locked for what growth adds; see UnlockRange.
func (m *Mapping) Unlock() error {
	if err := m.enter("unlock", needCommitted); err != nil {
		return err
	}
	m.locked = false
	return m.work("unlock", needCommitted, work{addr: m.span.base, n: m.span.mapped}, m.mu.Unlock, m.unlock)
}

// LockRange keeps the pages that hold the bytes [lo, hi) in memory. A reserved range is refused
// with ErrOperation, memory that cannot be read with ErrProtection, and a page past the end of the
// file with ErrTruncated.
//   - Unix: mlock(2), limited by RLIMIT_MEMLOCK. Windows: VirtualLock, limited by the working set.
func (m *Mapping) LockRange(lo, hi int) error {
	return m.onRange("lock", lo, hi, needCommitted|needReadable, m.lock)
}

func (m *Mapping) lock(w work) error {
	addr, n := w.addr, w.n
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

func (m *Mapping) unlock(w work) error { return m.span.untakenAt(w.addr, w.n, sys.Unlock) }

// UnlockRange undoes LockRange. Locks do not nest: one unlock undoes any number of locks of a page.
func (m *Mapping) UnlockRange(lo, hi int) error {
	return m.onRange("unlock", lo, hi, needCommitted, m.unlock)
}

// Flush writes what changed in the bytes [lo, hi) of a shared file mapping to the file, and returns
// when it is on the device. The range may have any alignment. Of anonymous and private memory there
// is nothing to write. A reserved range is refused with ErrOperation.
//   - Unix: msync(2) with MS_SYNC. The kernel reports an I/O error once: a second call may succeed
//     although data was lost.
//   - Windows: FlushViewOfFile and FlushFileBuffers.
func (m *Mapping) Flush(lo, hi int) error { return m.flush("flush", lo, hi, false) }

// FlushAsync is Flush that starts the writing and does not wait.
//   - Linux: MS_ASYNC does nothing; the kernel writes changed pages by itself in any case.
func (m *Mapping) FlushAsync(lo, hi int) error { return m.flush("flush async", lo, hi, true) }

func (m *Mapping) flush(op string, lo, hi int, async bool) error {
	return m.onRange(op, lo, hi, needCommitted, func(w work) error {
		if !m.plan.HasFile || !m.Shared() {
			return nil
		}
		return sys.Flush(w.addr, w.n, m.plan.File, async)
	})
}

// FlushInstructionCache makes code that was written to the mapping visible to instruction fetches
// of all processors. The mapping must be readable.
//   - amd64, 386, s390x: the processor does that by itself.
//   - arm64, ppc64: instructions of the processor; riscv64, arm and mips on Linux: a system call;
//     loong64: a barrier. Windows: the API of that name.
//   - Elsewhere errors.ErrUnsupported.
func (m *Mapping) FlushInstructionCache() error {
	const op, needs = "flush instruction cache", needCommitted | needReadable
	if err := m.look(op, needs); err != nil {
		return err
	}
	return m.work(op, needs, work{addr: m.span.base, n: m.span.filled(m.plan.unit)}, m.mu.RUnlock, m.flushInstructionCache)
}

// flushInstructionCache is the system's, on whole pages of m. On some processors the instructions
// for that touch the memory, and a page may not come.
func (m *Mapping) flushInstructionCache(w work) error {
	return m.noPage(m.span.untakenAt(w.addr, w.n, func(addr uintptr, n int) (err error) {
		if fault := touching(func() { err = sys.FlushInstructionCache(addr, n) }); fault != nil {
			return fault
		}
		return err
	}))
}

// Advise tells the kernel how the bytes [lo, hi) will be used: any of flags.Advice, in the order in
// which that lists them. Other flags are refused with ErrOperation. The range is widened to whole
// pages, but for DontNeed narrowed: no byte outside is dropped.
func (m *Mapping) Advise(lo, hi int, f flags.Map) error {
	if err := m.lookRange("advise", lo, hi, needCommitted); err != nil {
		return err
	}
	if bad := f &^ flags.Advice; bad != 0 {
		defer m.mu.RUnlock()
		return m.fail("advise", fmt.Errorf("%v is no advice (that is %v): %w", bad, flags.Advice, ErrOperation))
	}
	addr, n := m.pages(lo, hi)
	inside, most := m.pagesInside(lo, hi)
	return m.work("advise", needCommitted, work{addr: addr, n: n}, m.mu.RUnlock, func(w work) error {
		if rest := f &^ flags.DontNeed; rest != 0 {
			if err := m.advise(w.addr, w.n, rest); err != nil {
				return err
			}
		}
		if !f.Has(flags.DontNeed) || most == 0 {
			return nil
		}
		return m.advise(inside, most, flags.DontNeed)
	})
}

func (m *Mapping) advise(addr uintptr, n int, f flags.Map) error {
	err := m.span.untakenAt(addr, n, func(addr uintptr, n int) error { return sys.Advise(addr, n, f) })
	if f == flags.DontNeed && sys.CannotDrop(err) {
		return fmt.Errorf("pages that are locked, or of a device, cannot be dropped; call Unlock first: %w: %w", ErrOperation, err)
	}
	return err
}

// Prefault brings the pages that hold the bytes [lo, hi) into memory, so that no access to them has
// to wait for a fault. A page that cannot come, because the file was truncated or cannot be read,
// is an error and not a crash: ErrTruncated where the file is too short. The mapping must be
// readable.
//   - Linux since 5.14: MADV_POPULATE_READ, or MADV_POPULATE_WRITE for anonymous writable memory.
//   - Elsewhere every page is touched, and a fault caught.
func (m *Mapping) Prefault(lo, hi int) error {
	return m.onRange("prefault", lo, hi, needCommitted|needReadable, func(w work) error {
		return m.pagesCome(w.addr, w.n, !m.plan.HasFile && w.protection.Has(flags.Write))
	})
}

// prefaultStep is how many bytes the system is asked to bring in at once: it keeps other changes of
// the address space waiting meanwhile.
const prefaultStep = 16 << 20

// pagesCome brings pages of m in, and says so where the file is the reason that one cannot come.
func (m *Mapping) pagesCome(addr uintptr, n int, write bool) error {
	step := max(prefaultStep, m.plan.unit)
	for done := 0; done < n; done += step {
		if err := bringIn(addr+uintptr(done), min(step, n-done), m.plan.unit, write); err != nil {
			return m.noPage(err)
		}
	}
	return nil
}

// noPage says so where the file is the reason that a page cannot come: it ends before the mapping,
// or cannot be read.
func (m *Mapping) noPage(err error) error {
	if !m.plan.HasFile || !errors.Is(err, sys.ErrNoPage) {
		return err
	}
	if f := m.plan.File; f != nil {
		size, _, e := sys.FileSize(f)
		if e == nil && m.plan.Offset+int64(m.length()) <= size {
			return fmt.Errorf("a page of %s cannot be read: %w", f.Name(), err)
		}
	}
	return fmt.Errorf("a page lies past the end of the file, or cannot be read: %w (%w)", ErrTruncated, err)
}

// bringIn has the system bring pages in, or touches them where it has no call for that.
func bringIn(addr uintptr, n, unit int, write bool) error {
	err := sys.Prefault(addr, n, write)
	if sys.Refused(err) {
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

// touching calls f, which touches a range of memory, and turns a fault into ErrNoPage. It is of
// that range, whatever address comes with it: not every system and emulator gives the right one.
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

// work is what a call without the lock is to be done on: whole pages, with the protection that they
// had when it began.
type work struct {
	addr       uintptr
	n          int
	protection flags.Protection
}

// work runs f, which may wait for the kernel, without the lock, which unlock gives up. Until f
// returns the mapping stays open and where it is, and no shorter than it was: what would change
// that is refused with ErrBusy. Its protection may change; where f fails for that reason, the error
// says so.
func (m *Mapping) work(op string, needs need, w work, unlock func(), f func(work) error) error {
	m.users.Add(1)
	defer m.users.Add(-1)
	w.protection = m.plan.Protection
	unlock()
	if w.n == 0 {
		return nil
	}
	err := f(w)
	if err == nil {
		return nil
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	if now := m.refuse(needs); now != nil {
		err = now
	}
	return m.fail(op, err)
}

// onRange runs f on the pages that hold the bytes [lo, hi); an empty range needs none.
func (m *Mapping) onRange(op string, lo, hi int, needs need, f func(work) error) error {
	if err := m.lookRange(op, lo, hi, needs); err != nil {
		return err
	}
	addr, n := m.pages(lo, hi)
	return m.work(op, needs, work{addr: addr, n: n}, m.mu.RUnlock, f)
}
