package typedmem

import (
	"fmt"
	"sync/atomic"

	"github.com/typedmem/typedmem/internal/race"
)

// Limits is what a checked access compares its address with: up to where the mapping may be read, and whether it may be written. It is how
// packages other than this one build checked views: a view keeps the Limits, and before each access
//
//	address of the last byte < Readable() to read
//	address of the last byte < Writable() to write
//
// Each is one atomic load. A mapping publishes every change of its length, protection and lifetime here before it takes memory away. As long as
// a Limits is reachable the addresses of its mapping are given to nobody else, also after Close.
//
// All methods are safe for concurrent use.
type Limits struct {
	// Accessed by functions of sync/atomic: the methods of atomic.Uintptr would leave a no-op in every access that is inlined.
	readable uintptr        // address after the last readable byte; 0: nothing is readable
	writable uintptr        // readable again where that may be written, else 0; see settle
	room     atomic.Uintptr // address after the last byte that Extend may reach

	shadow race.Shadow // of a mapping's own Limits
	span   *span
	origin *Limits // the Limits that this one narrows; nil for a mapping's own

	owner    atomic.Pointer[Mapping] // of a mapping's own Limits
	readOnly atomic.Pointer[Limits]  // the narrowed Limits that ReadOnly returns, once asked for
	sealed   atomic.Pointer[Limits]  // the same for Sealed; of the read-only Limits as well
	shut     atomic.Pointer[Limits]  // the same for Shut
	reader   atomic.Bool             // see OpenedForReading
}

// Readable returns the address after the last byte that may be read, 0 when none may.
func (l *Limits) Readable() uintptr { return atomic.LoadUintptr(&l.readable) }

// Writable returns the address after the last byte that may be written: Readable, or 0 when none may.
func (l *Limits) Writable() uintptr { return atomic.LoadUintptr(&l.writable) }

// Room returns the address after the last byte that memory, and where the mapping shows a file the file, is provided for ahead of the length: up
// to there Extend needs no system call.
func (l *Limits) Room() uintptr { return l.room.Load() }

// Extend publishes a greater length: bytes up to the address end were written and may now be read. It does so only if Readable still is from
// and not 0, and end lies within Room; otherwise it answers false and changes nothing.
func (l *Limits) Extend(from, end uintptr) bool {
	if from == 0 || end < from || end > l.room.Load() || !atomic.CompareAndSwapUintptr(&l.readable, from, end) {
		return false
	}
	if end > l.room.Load() { // a mapping that was made shorter meanwhile, and again as long as it was, has less room
		l.lower(end, from)
		return false
	}
	l.settle()
	return true
}

// ReadOnly returns the Limits that follow l and never allow a write.
func (l *Limits) ReadOnly() *Limits {
	if l.isSealed() && l != l.origin.shut.Load() {
		return l.origin.ReadOnly().Sealed()
	}
	if l.origin != nil { // read-only or shut already
		return l
	}
	ro := l.readOnly.Load()
	if ro == nil {
		l.readOnly.CompareAndSwap(nil, &Limits{origin: l, span: l.span})
		ro = l.readOnly.Load()
	}
	ro.follow(l) // Extend may be about to: who has seen the length must find it here too
	return ro
}

// Sealed returns Limits that allow no access at all: those of memory whose type allows raw access
// only. Unsealed leads back, for what lies beside the atomic fields of that type.
func (l *Limits) Sealed() *Limits {
	if l.isSealed() {
		return l
	}
	return l.noAccess(&l.sealed)
}

// Unsealed returns the Limits that Sealed was called of, and any others as they are.
func (l *Limits) Unsealed() *Limits {
	if l.isSealed() && l != l.origin.shut.Load() {
		return l.origin
	}
	return l
}

// Shut is Sealed without a way back: for sealed memory that is shown as another type, of which the
// fields may overlap atomic ones. Limits that are not sealed stay as they are.
func (l *Limits) Shut() *Limits {
	if !l.isSealed() {
		return l
	}
	return l.own().noAccess(&l.own().shut)
}

// noAccess returns the Limits at one of l's pointers, which it makes if they are not there.
func (l *Limits) noAccess(at *atomic.Pointer[Limits]) *Limits {
	if at.Load() == nil {
		at.CompareAndSwap(nil, &Limits{origin: l, span: l.span})
	}
	return at.Load()
}

// isSealed reports whether l came from Sealed or Shut.
func (l *Limits) isSealed() bool {
	return l.origin != nil && (l == l.origin.sealed.Load() || l == l.origin.shut.Load())
}

// follow copies the readable limit of l. It repeats that until nothing has changed meanwhile, so that of several followers at once the
// last one leaves the newest limit, and none puts an older one in place of a newer one.
func (ro *Limits) follow(l *Limits) {
	for {
		old, now := ro.Readable(), l.Readable()
		if old == now || atomic.CompareAndSwapUintptr(&ro.readable, old, now) && l.Readable() == now {
			return
		}
	}
}

// own returns the mapping's own Limits behind l.
func (l *Limits) own() *Limits {
	for l.origin != nil { // what is read-only may be sealed besides
		l = l.origin
	}
	return l
}

// Mapping returns the mapping whose limits these are.
func (l *Limits) Mapping() *Mapping { return l.own().owner.Load() }

// Raw returns the address after the last byte that raw access may reach now: that of Readable, for sealed Limits as well.
func (l *Limits) Raw() uintptr { return l.own().Readable() }

// Race returns what tells the race detector about accesses to the mapping's memory; in ordinary builds it does nothing.
func (l *Limits) Race() *race.Shadow { return &l.own().shadow }

// Lend notes that raw memory of the mapping was handed out: from now on the collector does not release it while it is open.
func (l *Limits) Lend() {
	if lent := &l.span.lent; !lent.Load() {
		lent.Store(true)
	}
}

// OpenedForReading notes that the mapping shows a file that was opened for reading, which MakeMut would not change: Refusal says what does.
func (l *Limits) OpenedForReading() { l.own().reader.Store(true) }

// Refusal says why memory up to the address end cannot be accessed, given that a check just failed while Readable was seen.
func (l *Limits) Refusal(seen, end uintptr, write bool) error {
	if l.isSealed() {
		return fmt.Errorf("the type has sync/atomic fields, use Ptr: %w", ErrOperation)
	}
	m := l.Mapping()
	if m == nil || m.isClosed() {
		return fmt.Errorf("the mapping is closed: %w", ErrClosed)
	}
	if seen == 0 {
		if !m.Committed() {
			return fmt.Errorf("the memory is reserved, not committed; call Commit of its Mapping: %w", ErrOperation)
		}
		return fmt.Errorf("the memory is not readable (protection %v); call MakeReadOnly or MakeMut of its Mapping: %w", m.Protection(), ErrProtection)
	}
	if seen < end {
		return fmt.Errorf("the memory was cut off behind this view (shrunk or split); take a new view: %w", ErrBounds)
	}
	if write {
		if l.origin != nil {
			return fmt.Errorf("the view is read-only: %w", ErrProtection)
		}
		if l.reader.Load() {
			return fmt.Errorf("the file was opened for reading; use OpenMut: %w", ErrProtection)
		}
		return fmt.Errorf("the memory is not writable (protection %v); call MakeMut of its Mapping: %w", m.Protection(), ErrProtection)
	}
	return fmt.Errorf("the memory was not accessible at that moment: %w", ErrProtection)
}

// publish sets the limits to what the mapping allows now; the caller holds the mapping's lock. Writing that was allowed is not forbidden.
func (l *Limits) publish(readable uintptr, write bool) {
	atomic.StoreUintptr(&l.readable, readable)
	if write {
		atomic.CompareAndSwapUintptr(&l.writable, 0, readable)
	}
	l.settle()
}

// allowWrites makes writable what is readable, whoever extends that meanwhile; the caller holds the mapping's lock.
func (l *Limits) allowWrites() {
	atomic.CompareAndSwapUintptr(&l.writable, 0, l.Readable())
	l.settle()
}

// forbidWrites leaves nothing writable; the caller holds the mapping's lock.
func (l *Limits) forbidWrites() { atomic.StoreUintptr(&l.writable, 0) }

// settle makes the limits that depend on readable follow it. It repeats that until nothing has changed meanwhile, so that of several at once the last one
// leaves the newest limit. A writable of 0 forbids writing and stays; a readable of 0 is left to withdraw, which may be over before it is noticed here.
func (l *Limits) settle() {
	for {
		old, now := l.Writable(), l.Readable()
		if old == 0 || now == 0 || old == now || atomic.CompareAndSwapUintptr(&l.writable, old, now) && l.Readable() == now {
			break
		}
	}
	if ro := l.readOnly.Load(); ro != nil {
		ro.follow(l)
	}
}

// lower publishes a smaller length in place of from; it answers false when that is no longer the length.
func (l *Limits) lower(from, end uintptr) bool {
	if !atomic.CompareAndSwapUintptr(&l.readable, from, end) {
		return false
	}
	l.settle()
	return true
}

// withdraw takes every permission and returns the readable limit as it was. Nothing can extend it afterwards.
func (l *Limits) withdraw() (readable uintptr) {
	l.forbidWrites()
	readable = atomic.SwapUintptr(&l.readable, 0)
	l.settle()
	return readable
}
