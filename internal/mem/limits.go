package mem

import (
	"sync/atomic"

	"github.com/typedmem/typedmem/internal/race"
	"github.com/typedmem/typedmem/internal/resident"
)

// Limits holds the addresses up to which a mapping may be read and written. A checked view keeps
// the Limits and compares before each access:
//
//	address of the last byte < Readable() to read
//	address of the last byte < Writable() to write
//
// Each is one atomic load. A limit that allows nothing is a reason instead, smaller than any
// address, so that the same compare refuses; see [Allows] and [Refusal]. A mapping publishes every
// change of its length, protection and lifetime here before it takes memory away. While a Limits is
// reachable, no other mapping gets its addresses, not even after Close.
//
// All methods are safe for concurrent use. The zero Limits are those of a closed mapping.
type Limits struct {
	// Accessed by functions of sync/atomic: the methods of atomic.Uintptr would leave a no-op in
	// every access that is inlined.
	readable uintptr        // address after the last readable byte, or why nothing is readable
	writable uintptr        // the same as readable, or why nothing is writable; see updateFollowers
	base     uintptr        // address of the first byte
	room     atomic.Uintptr // address after the last byte that Extend may reach

	shadow race.Shadow  // of a mapping's own Limits
	lent   *atomic.Bool // see Lend; a field of what releases the addresses, which it so keeps
	origin *Limits      // the Limits that this one narrows; nil for a mapping's own

	seen     atomic.Pointer[resident.Pages] // only in a mapping's own Limits
	owner    atomic.Value                   // the Mapping; only in its own Limits
	readOnly atomic.Pointer[Limits]         // what ReadOnly returns, once called
	sealed   atomic.Pointer[Limits]         // what Sealed returns; in read-only Limits too
	shut     atomic.Pointer[Limits]         // what Shut returns
}

// New returns the Limits of memory that begins at an address. lent is what Lend sets.
func New(base uintptr, lent *atomic.Bool) *Limits { return &Limits{base: base, lent: lent} }

// Readable returns the address after the last byte that may be read. If there is no such byte,
// [Allows] of it is false and [Refusal] says why.
func (l *Limits) Readable() uintptr { return atomic.LoadUintptr(&l.readable) }

// Writable returns the address after the last byte that may be written: Readable, or a limit for
// which [Allows] is false.
func (l *Limits) Writable() uintptr { return atomic.LoadUintptr(&l.writable) }

// Base returns the address of the first byte, which never changes; 0 for the zero Limits.
func (l *Limits) Base() uintptr { return l.base }

// Room returns the address up to which memory is provided ahead of the length, and file where the
// mapping shows one. Extend can go that far without a system call.
func (l *Limits) Room() uintptr { return l.room.Load() }

// SetRoom sets what Room returns. The caller holds the mapping's lock.
func (l *Limits) SetRoom(end uintptr) { l.room.Store(end) }

// Err returns why nothing may be read, or with write why nothing may be written. It is nil if
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

// Extend publishes a greater length: the bytes up to end are written and may now be read. It
// returns false and changes nothing unless Readable is still from, from allows access and end is
// within Room.
func (l *Limits) Extend(from, end uintptr) bool {
	if !Allows(from) || end < from || end > l.room.Load() || !atomic.CompareAndSwapUintptr(&l.readable, from, end) {
		return false
	}
	if end > l.room.Load() { // the mapping shrank and grew again meanwhile, and has less room
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
	ro.follow(l) // Extend may not have done so yet
	return ro
}

// Sealed returns Limits that allow no access, for memory whose type allows raw access only.
// Unsealed undoes it, for fields beside that type's atomic ones.
func (l *Limits) Sealed() *Limits {
	if l.IsSealed() {
		return l
	}
	return l.noAccess(&l.sealed)
}

// Unsealed returns the Limits on which Sealed was called, and other Limits unchanged.
func (l *Limits) Unsealed() *Limits {
	if l.IsSealed() && l != l.origin.shut.Load() {
		return l.origin
	}
	return l
}

// Shut is Sealed without a way back, for sealed memory that is shown as another type: its fields
// may overlap atomic ones. Limits that are not sealed are returned unchanged.
func (l *Limits) Shut() *Limits {
	if !l.IsSealed() {
		return l
	}
	return l.Own().noAccess(&l.Own().shut)
}

// noAccess returns the Limits in one of l's pointers, and makes them if it is nil.
func (l *Limits) noAccess(at *atomic.Pointer[Limits]) *Limits {
	if at.Load() == nil {
		at.CompareAndSwap(nil, &Limits{readable: sealed, writable: sealed, base: l.base, origin: l, lent: l.lent})
	}
	return at.Load()
}

// IsSealed reports whether l came from Sealed or Shut.
func (l *Limits) IsSealed() bool { return l.Readable() == sealed }

// follow copies the readable limit of l, or its reason. It repeats that until nothing has changed
// meanwhile: so the newest limit stays, whichever of several callers is last.
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

// Own returns the mapping's own Limits, which l may narrow.
func (l *Limits) Own() *Limits {
	for l.origin != nil { // read-only Limits can be sealed too
		l = l.origin
	}
	return l
}

// Mapping returns the mapping of l, nil if it has none.
func (l *Limits) Mapping() Mapping {
	m, _ := l.Own().owner.Load().(Mapping)
	return m
}

// SetMapping sets what Mapping returns.
func (l *Limits) SetMapping(m Mapping) { l.owner.Store(m) }

// Raw returns the address after the last byte that raw access may reach: Readable, even if l is
// sealed.
func (l *Limits) Raw() uintptr { return l.Own().Readable() }

// Race returns what reports accesses to the race detector; in ordinary builds it does nothing.
func (l *Limits) Race() *race.Shadow { return &l.Own().shadow }

// Lend records that raw memory of the mapping was handed out. The collector then never releases the
// mapping while it is open.
func (l *Limits) Lend() {
	if !l.lent.Load() {
		l.lent.Store(true)
	}
}

// Publish sets the limits to what the mapping allows now. It takes no permission away. The caller
// holds the mapping's lock.
func (l *Limits) Publish(readable, writable uintptr) {
	atomic.StoreUintptr(&l.readable, readable)
	l.AllowWrites(writable)
}

// AllowWrites replaces the reason that forbids writes by a limit or another reason. The limit then
// follows Readable, even if that changes meanwhile. The caller holds the mapping's lock.
func (l *Limits) AllowWrites(writable uintptr) {
	if why := l.Writable(); !Allows(why) {
		atomic.StoreUintptr(&l.writable, writable)
	}
	l.updateFollowers()
}

// ForbidWrites makes nothing writable. The caller holds the mapping's lock.
func (l *Limits) ForbidWrites(why uintptr) { atomic.StoreUintptr(&l.writable, why) }

// updateFollowers copies readable to the limits that follow it. It repeats that until nothing has
// changed meanwhile, so that the newest limit stays. It replaces no reason: that is up to the
// holder of the mapping's lock.
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

// Lower publishes a smaller length. It returns false if the limit is no longer from.
func (l *Limits) Lower(from, end uintptr) bool {
	if !atomic.CompareAndSwapUintptr(&l.readable, from, end) {
		return false
	}
	l.updateFollowers()
	return true
}

// Withdraw forbids every access and returns the readable limit so far. Nothing can extend it
// afterwards.
func (l *Limits) Withdraw(why uintptr) (readable uintptr) {
	l.ForbidWrites(why)
	readable = atomic.SwapUintptr(&l.readable, why)
	l.updateFollowers()
	return readable
}

// State says in words what checked accesses may do now, and what the memory is. Types that keep
// Limits print it. After Close it is "closed".
func (l *Limits) State() string {
	if l == nil || l.Mapping() == nil {
		return "closed"
	}
	return l.Mapping().State(l)
}

// Narrowed reports whether l came from ReadOnly, Sealed or Shut, and so allows less than the
// mapping.
func (l *Limits) Narrowed() bool { return l.origin != nil }
