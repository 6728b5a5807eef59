//go:build race

package slots

import (
	"runtime"
	"sync/atomic"
	"unsafe"
)

// RaceEnabled is true: the race detector does not see mapped memory, so each object has an atomic
// on the heap. Load, Store, Update, Insert and Free use it as they use the object, and so order
// each other as operations of sync/atomic do. The next object of the slot has another atomic: a
// Load that lost against a Free must not count as a race with a later owner.
const RaceEnabled = true

const (
	shadowObjects = 32   // objects of one slot that share a block
	shadowChunk   = 1024 // slots
)

// shadowBlock stands for shadowObjects successive objects of one slot. Later objects get a new
// block, so that the detector does not mix up the accesses.
type shadowBlock struct {
	objects [shadowObjects]atomic.Uint32
	epoch   uint32 // which objects: generation / (2*shadowObjects)
}

// Shadows has the atomics of all objects.
type Shadows struct {
	chunks []atomic.Pointer[[shadowChunk]atomic.Pointer[shadowBlock]]
}

func newShadows(slots int) Shadows {
	return Shadows{make([]atomic.Pointer[[shadowChunk]atomic.Pointer[shadowBlock]], (slots+shadowChunk-1)/shadowChunk)}
}

// Read is called after a Load has read the object. Like an atomic load, it is ordered after each
// write whose value it may have seen.
func (s *Shadows) Read(h uint64) {
	if p := s.of(h, true); p != nil {
		p.Load()
	}
}

// Write is called for an Insert, Store, Update or Free before others can see it. Like an atomic
// read-modify-write, it is ordered after each earlier one. The detector orders an Add only after it
// has compared it with the accesses before, so a load, which conflicts with none, goes ahead.
func (s *Shadows) Write(h uint64) {
	if p := s.of(h, true); p != nil {
		p.Load()
		p.Add(1)
	}
}

// Seen is Read for a handle that may not belong to the slab.
func (s *Shadows) Seen(h uint64) {
	if p := s.of(h, false); p != nil {
		p.Load()
	}
}

// Lent is called when raw access to an object is handed out. The detector takes that for a plain
// read of the object, so a Store, Update or Free that nothing orders with it is a race.
func (s *Shadows) Lent(h uint64) {
	if p := s.of(h, true); p != nil {
		// SAFETY: an address on the Go heap, which only the race detector uses.
		runtime.RaceRead(unsafe.Pointer(p))
	}
}

// Freeing is Write for a Free of a handle that may be stale; word is the word of its slot. While
// somebody else holds the object, the Free waits and is none yet.
func (s *Shadows) Freeing(h, word uint64) {
	if Generation(word) == Generation(h) && word&LiveBits == OneGeneration {
		s.Write(h)
	}
}

// of returns the atomic of an object. It is nil for guard slots and for an object that was freed
// long ago. Unless make is set it is also nil for an object that has none yet. The detector must
// not see how the blocks are stored, or it would take that for an order of the accesses themselves;
// see internal/race.
//
//go:norace
func (s *Shadows) of(h uint64, make bool) *atomic.Uint32 {
	i := int(Index(h))
	if i/shadowChunk >= len(s.chunks) { // a guard slot
		return nil
	}
	runtime.RaceDisable()
	defer runtime.RaceEnable()
	at := &s.chunks[i/shadowChunk]
	if at.Load() == nil && !make {
		return nil
	}
	for at.Load() == nil {
		at.CompareAndSwap(nil, new([shadowChunk]atomic.Pointer[shadowBlock]))
	}
	slot, epoch := &at.Load()[i%shadowChunk], Generation(h)/(2*shadowObjects)
	for {
		b := slot.Load()
		switch {
		case b != nil && b.epoch == epoch:
			return &b.objects[Generation(h)/2%shadowObjects]
		case !make || b != nil && b.epoch > epoch:
			return nil
		}
		slot.CompareAndSwap(b, &shadowBlock{epoch: epoch})
	}
}
