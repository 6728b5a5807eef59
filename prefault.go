package typedmem

import (
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/internal/num"
	"github.com/typedmem/typedmem/internal/sys"
)

// Prefault brings the pages that hold the bytes [lo, hi) into memory, and returns when all of them
// are there, so that no access waits for them. It works in bounded steps and waits in system calls,
// so that other goroutines run. It holds no lock, only the mapping: Close meanwhile returns
// [ErrBusy]. The mapping must be readable. Errors:
//   - [ErrTruncated]: a page lies past the end of the file.
//   - the system's error of reading the file, such as EIO: a page cannot be read.
//   - [ErrBounds], [ErrProtection], [ErrOperation] for a reserved range, [ErrClosed].
//
// How it is done:
//   - Linux since 5.14: MADV_POPULATE_READ, or MADV_POPULATE_WRITE for anonymous writable memory.
//   - Windows: PrefetchVirtualMemory and ReadProcessMemory.
//   - Elsewhere the file is read, then every page is touched, and a fault is caught.
func (m *Mapping) Prefault(lo, hi int) error {
	return m.onRange("prefault", lo, hi, needCommitted|needReadable, func(w work) error {
		return m.prefault(w.addr, w.n, !m.plan.HasFile && w.protection.Has(flags.Write))
	})
}

// prefault is pagesCome. After flags.RandomAccess the system reads one page at a time, and so is
// told ahead of each step; otherwise its own read-ahead is faster than hints.
func (m *Mapping) prefault(addr uintptr, n int, write bool) error {
	step := max(prefaultStep, m.plan.unit)
	random := m.plan.HasFile && (m.random.Load() || m.plan.Flags.Has(flags.RandomAccess))
	for hinted, done := 0, 0; done < n; done += step {
		for ; random && hinted < min(n, done+2*step); hinted += step {
			if err := m.hint(addr+uintptr(hinted), min(step, n-hinted)); err != nil {
				return err
			}
		}
		if err := m.pagesCome(addr+uintptr(done), min(step, n-done), write); err != nil {
			return err
		}
	}
	return nil
}

// hint tells the system that whole pages will be read. What it refuses is no error.
func (m *Mapping) hint(addr uintptr, n int) error {
	return hinted(sys.Prefetch([]sys.Range{{Addr: addr, N: n}}))
}

// prefaultStep limits the bytes of one system call: other changes of the address space wait for it.
const prefaultStep = 16 << 20

// pagesCome brings pages of m into memory. Its error says so where the file is the cause.
func (m *Mapping) pagesCome(addr uintptr, n int, write bool) error {
	step := max(prefaultStep, m.plan.unit)
	for done := 0; done < n; done += step {
		part := min(step, n-done)
		if err := m.comes(addr+uintptr(done), part, write); err != nil {
			return m.noPage(err, addr+uintptr(done), part)
		}
	}
	return nil
}

// noPage explains err, of bringing in whole pages, where the file is the cause: it ends too early,
// or cannot be read.
func (m *Mapping) noPage(err error, addr uintptr, n int) error {
	if !m.plan.HasFile || !errors.Is(err, sys.ErrNoPage) {
		return err
	}
	addr = m.firstAbsent(addr, n)
	off := m.plan.Offset + int64(addr) - int64(m.addr.Load())
	b := m.span.backing
	why := b.readError(max(off, 0), m.plan.unit)
	switch size, ok := b.size(); {
	case errors.Is(why, ErrTruncated) || ok && off >= size:
		return fmt.Errorf("the page at byte %d of %s lies past the end of the file; bring its length back, or resize the mapping: %w (%w)", off, b.name, ErrTruncated, err)
	case why != nil:
		return fmt.Errorf("the page at byte %d of %s cannot be read: %w (%w)", off, b.name, why, err)
	case ok:
		return fmt.Errorf("the page at byte %d of %s cannot be read: %w", off, b.name, err)
	}
	return fmt.Errorf("the page at byte %d of %s lies past the end of the file, or cannot be read: %w (%w)", off, b.name, ErrTruncated, err)
}

// firstAbsent returns the address of the first of the pages that does not come. If they all come
// now, it is the last one.
func (m *Mapping) firstAbsent(addr uintptr, n int) uintptr {
	unit := m.plan.unit
	for n > unit {
		half := num.Down(n/2, unit)
		half = max(half, unit)
		if m.comes(addr, half, false) != nil {
			n = half
		} else {
			addr, n = addr+uintptr(half), n-half
		}
	}
	return addr
}

// comes is bringIn for pages of m. Where the system has no call for it, the file is read first,
// which does not hold up the Go scheduler as a fault does.
func (m *Mapping) comes(addr uintptr, n int, write bool) error {
	err := sys.Prefault(addr, n, write)
	if !sys.Refused(err) {
		return err
	}
	if m.plan.HasFile {
		m.span.backing.read(m.plan.Offset+int64(addr)-int64(m.addr.Load()), n)
	}
	return touch(addr, n, m.plan.unit)
}

// bringIn has the system bring pages into memory. Where there is no call for that, it touches them.
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
		runtime.KeepAlive(sum) // keeps the reads
	})
}

// touching calls f, which accesses a range of memory, and turns a fault into ErrNoPage. It ignores
// the fault's address, which some systems and emulators get wrong.
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
