//go:build race

package slab

import (
	"runtime"
	"sync/atomic"
	"unsafe"
)

// raceEnabled: the race detector does not look at mapped memory. Each object has an atomic on the
// heap in its stead, which Load, Store, Update, Insert and Free use as they use the object, so they
// order each other as those of sync/atomic do. The next objects of the slot have other ones: a Load
// that lost against a Free must not count as a race with a later owner.
const raceEnabled = true

const (
	shadowObjects = 32   // of a slot, one after the other, that share a block
	shadowChunk   = 1024 // slots
)

// shadowBlock stands for shadowObjects objects of one slot. Those after them get a new block, of
// which the detector knows nothing: nothing tells it that what was done to the first ones is over.
// The collector takes the old one.
type shadowBlock struct {
	objects [shadowObjects]atomic.Uint32
	epoch   uint32 // which objects: generation / (2*shadowObjects)
}

type shadows struct {
	chunks []atomic.Pointer[[shadowChunk]atomic.Pointer[shadowBlock]]
}

func newShadows(slots int) shadows {
	return shadows{make([]atomic.Pointer[[shadowChunk]atomic.Pointer[shadowBlock]], (slots+shadowChunk-1)/shadowChunk)}
}

// read is told of a Load that has read the object: as an atomic load does, it comes after each
// write whose value it may have seen.
func (s *shadows) read(h uint64) {
	if p := s.of(h, true); p != nil {
		p.Load()
	}
}

// write is told of an Insert, Store, Update or Free before others can see it: as an atomic
// read-modify-write does, it comes after each one before it.
func (s *shadows) write(h uint64) {
	if p := s.of(h, true); p != nil {
		p.Add(1)
	}
}

// seen is read for a handle that need not be one of the slab's.
func (s *shadows) seen(h uint64) {
	if p := s.of(h, false); p != nil {
		p.Load()
	}
}

// lent is told of raw access: to the detector the object is read there and then, by nothing atomic,
// so a Store, Update or Free that nothing orders with it is a race. Objects with atomic fields can
// be shared through their addresses, in ways that the detector does not see.
func (c *core) lent(h uint64) {
	if c.layout.Atomic {
		return
	}
	if p := c.shadows.of(h, true); p != nil {
		// SAFETY: an address on the Go heap, for the race detector's books only.
		runtime.RaceRead(unsafe.Pointer(p))
	}
}

// freeing is write for a Free of a handle that may be stale, where word is that of its slot.
func (c *core) freeing(h, word uint64) {
	if generation(word) == generation(h) && isLive(word) {
		c.shadows.write(h)
	}
}

// of returns what stands for an object, nil where there is none: for guard slots, and an object
// that is long gone; unless make is set, also for one that nothing was told of yet. The detector
// must not see how the blocks are kept, or it would take that for what orders the accesses
// themselves; see internal/race.
//
//go:norace
func (s *shadows) of(h uint64, make bool) *atomic.Uint32 {
	i := int(index(h))
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
	slot, epoch := &at.Load()[i%shadowChunk], generation(h)/(2*shadowObjects)
	for {
		b := slot.Load()
		switch {
		case !make && (b == nil || b.epoch != epoch):
			return nil
		case b == nil || b.epoch < epoch:
			slot.CompareAndSwap(b, &shadowBlock{epoch: epoch})
		case b.epoch > epoch:
			return nil
		default:
			return &b.objects[generation(h)/2%shadowObjects]
		}
	}
}

// setCount stores a counter that its owner alone changes and others read.
func setCount(p *uint64, n uint64) { atomic.StoreUint64(p, n) }

// setFlag is setCount for a lock word.
func setFlag(p *uint32, n uint32) { atomic.StoreUint32(p, n) }
