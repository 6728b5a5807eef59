package typedmem

import (
	"cmp"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/typedmem/typedmem/internal/faults"
	"github.com/typedmem/typedmem/internal/mem"
	"github.com/typedmem/typedmem/internal/num"
)

// FaultError is a memory fault that Guard caught: an access to memory that the system could not
// provide.
type FaultError struct {
	Addr    uintptr  // where; on some systems only the page, or 0 where the system does not tell
	Mapping *Mapping // whose memory that is; nil when it is none of this package's
	Offset  int      // of Addr in the mapping, bytes
	Err     error    // why: ErrClosed, ErrProtection, ErrBounds or ErrTruncated as far as that can be told; it wraps the runtime's error

	called string // the mapping, with its name and file, as it was
}

// Error names the address and, where they are known, the reason, the place in the mapping, and that
// mapping's name and file.
func (e *FaultError) Error() string {
	switch {
	case e == nil:
		return "<nil>"
	case e.Mapping == nil:
		return fmt.Sprintf("typedmem: memory fault at %#x: %v", e.Addr, e.Err)
	}
	return fmt.Sprintf("typedmem: memory fault at %#x, byte %d of %s: %v", e.Addr, e.Offset, cmp.Or(e.called, "a mapping"), e.Err)
}

// Unwrap returns Err.
func (e *FaultError) Unwrap() error { return e.Err }

// Guard calls f and returns its error; a memory fault inside f becomes a *FaultError instead of a
// crash: a file that was truncated, a full disk or an I/O error under a mapping (SIGBUS, an in-page
// error on Windows), or a raw access to memory that was closed or protected (SIGSEGV).
//
// It covers loads and stores of f's own goroutine, those inside copy, append and sort included. A
// fault inside an operation of a Go map, which hashes and compares keys that lie in mapped memory,
// leaves that map unusable: its next use may end the program with "concurrent map read and map
// write". Copy such a key to the heap before the map sees it. Guard does not cover goroutines that
// f starts, C code, or a nil dereference, which panics as ever. A system call that is given such
// memory returns EFAULT by itself. A fault interrupts f where it stands: what f had changed stays
// changed. Guards nest. See runtime/debug.SetPanicOnFault.
//
// In builds with the race detector an atomic operation, also one inside this library, ends the
// process when it writes to read-only memory or the memory is taken away meanwhile: it faults in
// the detector's own code, which cannot be recovered from.
//
// A program can call SetPanicOnFault by itself. When another goroutine then protects or closes the
// memory of an anonymous Slab during Insert or Alloc, the fault may cost a slot. Slab files, and
// all slabs once the program has called Guard, restore the slot. Before the first Guard, other
// slabs do so only after a goroutine that has set SetPanicOnFault made a Slab, or allocated an
// object for which the free slots had to be refilled.
func Guard(f func() error) (err error) {
	faults.Catch()
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
	faultCount.Add(1)
	e := &FaultError{Addr: fault.Addr()}
	m, l, offset, ok := mappingAt(e.Addr)
	if !ok {
		e.Err = &cause{errNoMemory, fault}
		return e
	}
	e.Mapping, e.Offset, e.called = m, offset, m.called()
	var reason error
	for range mostLooks { // others may be changing the mapping
		before := [3]uintptr{l.Readable(), l.Writable(), l.Room()}
		if reason = m.faultReason(l, e.Addr); before == [3]uintptr{l.Readable(), l.Writable(), l.Room()} {
			break
		}
	}
	e.Err = &cause{reason, fault}
	return e
}

// called names m for the text of a fault. It takes no lock, as faultReason.
func (m *Mapping) called() string {
	text := "a mapping"
	if m.plan.Name != "" {
		text = fmt.Sprintf("the mapping %q", m.plan.Name)
	}
	if m.plan.HasFile {
		text += fmt.Sprintf(" of the file %q", m.shows.Load().name)
	}
	return text
}

// mostLooks is how often the reason of a fault is looked for while the limits of the memory change.
const mostLooks = 100

// cause is why an access faulted, and the runtime's error, whose text speaks of a nil pointer
// whatever the address was.
type cause struct{ reason, fault error }

func (c *cause) Error() string   { return c.reason.Error() }
func (c *cause) Unwrap() []error { return []error{c.reason, c.fault} }

// errNoMemory is why, where nothing more can be told.
var errNoMemory = errors.New("the system has no memory there, or does not allow the access")

// faultReason says why the byte at addr, in the span of l, could not be accessed. It takes no lock:
// the fault may have come from inside a method of m, and others may be at work on m.
func (m *Mapping) faultReason(l *mem.Limits, addr uintptr) error {
	readable, writable := l.Readable(), l.Writable()
	switch file := m.plan.HasFile; {
	case !mem.Allows(readable):
		return mem.Refusal(readable)
	case addr < m.addr.Load() || addr >= readable && !(file && addr < l.Room()): // up to there Append writes
		return fmt.Errorf("past the length of %d bytes: %w", readable-m.addr.Load(), ErrBounds)
	case mem.Allows(writable) && !file:
		return errNoMemory
	}
	page := num.Down(addr, uintptr(m.plan.unit))
	if !mem.Allows(writable) && bringIn(page, m.plan.unit, m.plan.unit, false) == nil {
		return mem.Refusal(writable)
	}
	if !m.plan.HasFile { // a huge page, of which the system has none
		return errNoMemory
	}
	return cmp.Or(m.lostPage(page), errNoMemory)
}
