package slots

import "sync/atomic"

const (
	MagazineSize = 128               // slots in a magazine, a power of two
	stockSize    = 64 * MagazineSize // slots in its stock
)

// Magazine is a stack of free slots that one owner at a time uses: a cache, or anyone who holds
// the lock of a shard.
type Magazine struct {
	_ [0]atomic.Uint64 // aligned to 8 bytes on 32-bit platforms too

	// Others read these while the owner changes them; see setCount.
	n      uint64 // slots that can be allocated
	waits  uint64 // slots of a file that were freed and wait for the next flush of its words
	allocs uint64 // objects made from this magazine
	frees  uint64 // objects freed into it
	limit  uint64 // how many slots it may hold, at most MagazineSize; see Pool.share

	handles [MagazineSize]uint64 // of the next object of each slot
	waiting []uint64             // the same for slots that wait; nil in memory

	// stock has slots that were moved out of handles and refill it first. It belongs to the pool
	// and changes under its mu: anyone who finds no other slot takes it.
	stock []uint64
}

// Peek returns the handle of the next object, for Take to take its slot. ok is false for a magazine
// that is nil or empty.
func (k *Magazine) Peek() (h uint64, ok bool) {
	if k != nil && k.n-1 < MagazineSize { // with n 0, n-1 is the greatest number
		return k.handles[k.n-1], true
	}
	return 0, false
}

// Take takes the slot that Peek returned, and counts its object.
func (k *Magazine) Take() {
	setCount(&k.allocs, k.allocs+1)
	setCount(&k.n, k.n-1)
}

// Allow sets how many slots the magazine may hold. Those that are too many leave it at the next
// Free.
func (k *Magazine) Allow(n uint64) { atomic.StoreUint64(&k.limit, n) }
func (k *Magazine) room() uint64   { return atomic.LoadUint64(&k.limit) }

// HasRoom reports whether the magazine may hold one more slot.
func (k *Magazine) HasRoom() bool { return k.n < k.room() }

// Put adds the slot of an object that was freed, and counts that. The magazine has room.
func (k *Magazine) Put(h uint64) {
	k.push(h + 2*OneGeneration)
	setCount(&k.frees, k.frees+1)
}

// full reports whether slots have to leave before one can come; mostWaits is how many of them may
// wait for a flush.
func (k *Magazine) full(mostWaits uint64) bool {
	room := k.room()
	return k.n >= room || k.waits >= min(room, mostWaits)
}

// push adds a slot by the handle of its next object. The mask spares a bounds check.
func (k *Magazine) push(h uint64) {
	k.handles[k.n&(MagazineSize-1)] = h
	setCount(&k.n, k.n+1)
}

// pushWaiting is push for a slot that must not be used before the words were flushed.
func (k *Magazine) pushWaiting(h uint64) {
	if k.waiting == nil {
		k.waiting = make([]uint64, MagazineSize)
	}
	k.waiting[k.waits] = h
	setCount(&k.waits, k.waits+1)
}

// Parked returns how many slots are in the magazine. Any goroutine may call it.
func (k *Magazine) Parked() int { return int(atomic.LoadUint64(&k.n) + atomic.LoadUint64(&k.waits)) }
