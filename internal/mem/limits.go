package mem

import (
	"sync/atomic"

	"github.com/typedmem/typedmem/internal/race"
)

// Limits is what a checked access compares its address with: up to where the mapping may be read,
// and up to where it may be written. It is how packages other than this one build checked views: a
// view keeps the Limits, and before each access
//
//	address of the last byte < Readable() to read
//	address of the last byte < Writable() to write
//
// Each is one atomic load. A limit that allows nothing is smaller than any address, so that the
// same compare refuses, and says why: see [Allows] and [Refusal]. A mapping publishes every change
// of its length, protection and lifetime here before it takes memory away. As long as a Limits is
// reachable the addresses of its mapping are given to nobody else, also after Close.
//
// All methods are safe for concurrent use. The zero Limits are those of a closed mapping.
type Limits struct {
	// Accessed by functions of sync/atomic: the methods of atomic.Uintptr would leave a no-op in
	// every access that is inlined.
	readable uintptr        // address after the last readable byte, or why nothing is readable
	writable uintptr        // readable again where that may be written, else why not; see updateFollowers
	base     uintptr        // address of the first byte
	room     atomic.Uintptr // address after the last byte that Extend may reach

	shadow race.Shadow  // of a mapping's own Limits
	lent   *atomic.Bool // see Lend; it lies in what gives the addresses back, and so keeps that
	origin *Limits      // the Limits that this one narrows; nil for a mapping's own

	owner    atomic.Value           // the Mapping, of a mapping's own Limits
	readOnly atomic.Pointer[Limits] // the narrowed Limits that ReadOnly returns, once asked for
	sealed   atomic.Pointer[Limits] // the same for Sealed; of the read-only Limits as well
	shut     atomic.Pointer[Limits] // the same for Shut
}

// New returns the Limits of memory that begins at an address. lent is what Lend sets.
func New(base uintptr, lent *atomic.Bool) *Limits { return &Limits{base: base, lent: lent} }

// Readable returns the address after the last byte that may be read. Where none may, [Allows] is
// false for it and [Refusal] says why.
func (l *Limits) Readable() uintptr { return atomic.LoadUintptr(&l.readable) }

// Writable returns the address after the last byte that may be written: Readable, or a limit for
// which [Allows] is false.
func (l *Limits) Writable() uintptr { return atomic.LoadUintptr(&l.writable) }

// Base returns the address of the first byte, which stays the same. It is 0 of the zero Limits.
func (l *Limits) Base() uintptr { return l.base }

// Room returns the address after the last byte that memory, and where the mapping shows a file the
// file, is provided for ahead of the length: up to there Extend needs no system call.
func (l *Limits) Room() uintptr { return l.room.Load() }

// SetRoom sets what Room returns. The caller holds the mapping's lock.
func (l *Limits) SetRoom(end uintptr) { l.room.Store(end) }

// Err returns why nothing may be read, or with write why nothing may be written; nil where
// something may.
func (l *Limits) Err(write bool) error {
	limit := l.Readable()
	if write {
		limit = l.Writable()
	}
	if Allows(limit) {
		return nil
	}
	return Refusal(limit)
}

// Extend publishes a greater length: bytes up to the address end were written and may now be read.
// It does so only if Readable still is from and allows something, and end lies within Room;
// otherwise it returns false and changes nothing.
func (l *Limits) Extend(from, end uintptr) bool {
	if !Allows(from) || end < from || end > l.room.Load() || !atomic.CompareAndSwapUintptr(&l.readable, from, end) {
		return false
	}
	if end > l.room.Load() { // a mapping that was made shorter meanwhile, and again as long as it was, has less room
		l.Lower(end, from)
		return false
	}
	l.updateFollowers()
	return true
}

// ReadOnly returns the Limits that follow l and never allow a write.
func (l *Limits) ReadOnly() *Limits {
	if l.IsSealed() && l != l.origin.shut.Load() {
		return l.origin.ReadOnly().Sealed()
	}
	if l.origin != nil { // read-only or shut already
		return l
	}
	ro := l.readOnly.Load()
	if ro == nil {
		l.readOnly.CompareAndSwap(nil, &Limits{base: l.base, origin: l, lent: l.lent})
		ro = l.readOnly.Load()
	}
	ro.follow(l) // Extend may be about to: who has seen the length must find it here too
	return ro
}

// Sealed returns Limits that allow no access at all: those of memory whose type allows raw access
// only. Unsealed leads back, for what lies beside the atomic fields of that type.
func (l *Limits) Sealed() *Limits {
	if l.IsSealed() {
		return l
	}
	return l.noAccess(&l.sealed)
}

// Unsealed returns the Limits that Sealed was called of, and any others as they are.
func (l *Limits) Unsealed() *Limits {
	if l.IsSealed() && l != l.origin.shut.Load() {
		return l.origin
	}
	return l
}

// Shut is Sealed without a way back: for sealed memory that is shown as another type, of which the
// fields may overlap atomic ones. Limits that are not sealed stay as they are.
func (l *Limits) Shut() *Limits {
	if !l.IsSealed() {
		return l
	}
	return l.Own().noAccess(&l.Own().shut)
}

// noAccess returns the Limits at one of l's pointers, which it makes if they are not there.
func (l *Limits) noAccess(at *atomic.Pointer[Limits]) *Limits {
	if at.Load() == nil {
		at.CompareAndSwap(nil, &Limits{readable: sealed, writable: sealed, base: l.base, origin: l, lent: l.lent})
	}
	return at.Load()
}

// IsSealed reports whether l came from Sealed or Shut.
func (l *Limits) IsSealed() bool { return l.Readable() == sealed }

// follow copies the readable limit of l, and the reason where there is one. It repeats that until
// nothing has changed meanwhile, so that of several followers at once the last one leaves the
// newest limit, and none puts an older one in place of a newer one.
func (ro *Limits) follow(l *Limits) {
	for {
		old, why := ro.Readable(), ro.Writable()
		now := l.Readable()
		never := now
		if Allows(now) {
			never = readOnlyView
		}
		if old == now && why == never {
			return
		}
		atomic.CompareAndSwapUintptr(&ro.readable, old, now)
		atomic.CompareAndSwapUintptr(&ro.writable, why, never)
	}
}

// Own returns the mapping's own Limits behind l.
func (l *Limits) Own() *Limits {
	for l.origin != nil { // what is read-only may be sealed besides
		l = l.origin
	}
	return l
}

// Mapping returns the mapping whose limits these are, nil of none.
func (l *Limits) Mapping() Mapping {
	m, _ := l.Own().owner.Load().(Mapping)
	return m
}

// SetMapping says whose limits these are.
func (l *Limits) SetMapping(m Mapping) { l.owner.Store(m) }

// Raw returns the address after the last byte that raw access may reach now: that of Readable, for
// sealed Limits as well.
func (l *Limits) Raw() uintptr { return l.Own().Readable() }

// Race returns what tells the race detector about accesses to the mapping's memory; in ordinary
// builds it does nothing.
func (l *Limits) Race() *race.Shadow { return &l.Own().shadow }

// Lend notes that raw memory of the mapping was handed out: from now on the collector does not
// release it while it is open.
func (l *Limits) Lend() {
	if !l.lent.Load() {
		l.lent.Store(true)
	}
}

// Publish sets the limits to what the mapping allows now; the caller holds the mapping's lock. What
// was allowed is not taken away.
func (l *Limits) Publish(readable, writable uintptr) {
	atomic.StoreUintptr(&l.readable, readable)
	l.AllowWrites(writable)
}

// AllowWrites makes writable what is readable, no matter who extends that meanwhile, or puts
// another reason in place of the one that is there; the caller holds the mapping's lock.
func (l *Limits) AllowWrites(writable uintptr) {
	if why := l.Writable(); !Allows(why) {
		atomic.StoreUintptr(&l.writable, writable)
	}
	l.updateFollowers()
}

// ForbidWrites leaves nothing writable; the caller holds the mapping's lock.
func (l *Limits) ForbidWrites(why uintptr) { atomic.StoreUintptr(&l.writable, why) }

// updateFollowers makes the limits that depend on readable follow it. It repeats that until nothing
// has changed meanwhile, so that of several at once the last one leaves the newest limit. A reason
// stays where it is: what Withdraw has put there may be over before it is noticed here.
func (l *Limits) updateFollowers() {
	for {
		old, now := l.Writable(), l.Readable()
		if !Allows(old) || !Allows(now) || old == now || atomic.CompareAndSwapUintptr(&l.writable, old, now) && l.Readable() == now {
			break
		}
	}
	if ro := l.readOnly.Load(); ro != nil {
		ro.follow(l)
	}
}

// Lower publishes a smaller length in place of from; it returns false when that is no longer the
// length.
func (l *Limits) Lower(from, end uintptr) bool {
	if !atomic.CompareAndSwapUintptr(&l.readable, from, end) {
		return false
	}
	l.updateFollowers()
	return true
}

// Withdraw takes every permission and returns the readable limit as it was. Nothing can extend it
// afterwards.
func (l *Limits) Withdraw(why uintptr) (readable uintptr) {
	l.ForbidWrites(why)
	readable = atomic.SwapUintptr(&l.readable, why)
	l.updateFollowers()
	return readable
}

// State says in words what checked accesses may do now, and what the memory is: what the types that
// keep Limits print of themselves. It is "closed" once the mapping is.
func (l *Limits) State() string {
	if l == nil || l.Mapping() == nil {
		return "closed"
	}
	return l.Mapping().State(l)
}

// Narrowed reports whether l allows less than the mapping does: whether it came from ReadOnly,
// Sealed or Shut.
func (l *Limits) Narrowed() bool { return l.origin != nil }
