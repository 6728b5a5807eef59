package typedmem

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/internal/num"
)

// FaultError is a memory fault that Guard caught: an access to memory that the system could not provide.
type FaultError struct {
	Addr    uintptr  // where; on some systems only the page, or 0 where the system does not tell
	Mapping *Mapping // whose memory that is; nil when it is none of this package's
	Offset  int      // of Addr in the mapping, bytes
	Err     error    // ErrClosed, ErrProtection or ErrTruncated as far as that can be told, otherwise the runtime's error
}

// Error names the address and, where they are known, the place in the mapping and the reason.
func (e *FaultError) Error() string {
	if e.Mapping == nil {
		return fmt.Sprintf("typedmem: memory fault at %#x: %v", e.Addr, e.Err)
	}
	return fmt.Sprintf("typedmem: memory fault at %#x, byte %d of a mapping: %v", e.Addr, e.Offset, e.Err)
}

// Unwrap returns Err.
func (e *FaultError) Unwrap() error { return e.Err }

// Guard calls f and returns its error; a memory fault inside f becomes a *FaultError instead of a crash: a file that was truncated, a full
// disk or an I/O error under a mapping (SIGBUS, an in-page error on Windows), or a raw access to memory that was closed or protected (SIGSEGV).
//
// It covers loads and stores of f's own goroutine, those inside copy, append and sort included. A
// fault inside an operation of a Go map, which hashes and compares keys that lie in mapped memory,
// leaves that map unusable: its next use may end the program with "concurrent map read and map
// write". Copy such a key to the heap before the map sees it. Guard does not cover goroutines that f
// starts, C code, or a nil dereference, which panics as ever. A system call that is given such memory answers EFAULT by itself. A fault interrupts f
// where it stands: what f had changed stays changed. Guards nest. See runtime/debug.SetPanicOnFault.
func Guard(f func() error) error { return catch(f) }

func catch(f func() error) (err error) {
	old := debug.SetPanicOnFault(true)
	defer func() {
		debug.SetPanicOnFault(old)
		if r := recover(); r != nil {
			err = asFault(r)
		}
	}()
	return f()
}

// asFault turns a recovered memory fault into an error and lets every other panic go on.
func asFault(r any) error {
	fault, ok := r.(interface {
		runtime.Error
		Addr() uintptr
	})
	if !ok {
		panic(r)
	}
	e := &FaultError{Addr: fault.Addr(), Err: fault}
	m, offset, ok := mappingAt(e.Addr)
	if !ok {
		return e
	}
	e.Mapping, e.Offset = m, offset
	if m.mu.TryRLock() { // the fault may have come from inside a method of m
		defer m.mu.RUnlock()
		if reason := m.faultReason(fault.Addr(), offset); reason != nil {
			e.Err = fmt.Errorf("%w: %w", reason, fault)
		}
	}
	return e
}

// faultReason says why the byte at offset could not be accessed, nil where that cannot be told; the caller holds m.mu.
func (m *Mapping) faultReason(addr uintptr, offset int) error {
	both := flags.Read | flags.Write
	switch {
	case !m.open:
		return ErrClosed
	case offset < 0 || offset >= m.length() && !(m.plan.HasFile && addr < m.limits.Load().Room()): // up to there Append writes
		return fmt.Errorf("past the length of %d bytes: %w", m.length(), ErrBounds)
	case !m.plan.Protection.Has(flags.Read):
		return fmt.Errorf("protection %v: %w", m.plan.Protection, ErrProtection)
	case m.plan.Protection.Has(both) && !m.plan.HasFile:
		return nil
	}
	page := num.Down(addr, uintptr(m.plan.unit))
	if !m.plan.Protection.Has(both) && bringIn(page, m.plan.unit, m.plan.unit, false) == nil {
		return fmt.Errorf("protection %v: %w", m.plan.Protection, ErrProtection)
	}
	if !m.plan.HasFile { // a huge page, of which the system has none
		return nil
	}
	return m.lostPage(page)
}
