//go:build race

package slab

import (
	"runtime"
	"sync/atomic"
	"unsafe"
)

// raceEnabled: the race detector does not look at mapped memory. Each object has a byte on the heap in its stead, and the next objects of its slot have other
// ones: a Load that lost against a Free must not count as a race with a later owner.
const raceEnabled = true

const (
	shadowObjects = 32   // of a slot, one after the other, that share a block
	shadowChunk   = 1024 // slots
)

// shadowBlock stands for shadowObjects objects of one slot. Those after them get a new block, of which the detector knows nothing: nothing tells it that what was
// done to the first ones is over. The collector takes the old one.
type shadowBlock struct {
	bytes [shadowObjects]byte
	epoch uint32 // which objects: generation / (2*shadowObjects)
}

type shadows struct {
	chunks []atomic.Pointer[[shadowChunk]atomic.Pointer[shadowBlock]]
}

func newShadows(slots int) shadows {
	return shadows{make([]atomic.Pointer[[shadowChunk]atomic.Pointer[shadowBlock]], (slots+shadowChunk-1)/shadowChunk)}
}

func (s *shadows) read(h uint64) {
	if p := s.of(h); p != nil {
		runtime.RaceRead(p)
	}
}

func (s *shadows) write(h uint64) {
	if p := s.of(h); p != nil {
		runtime.RaceWrite(p)
	}
}

// of returns the byte that stands for an object, nil where there is none: for guard slots, and an object that is long gone. The detector must not see how the
// blocks are kept, or it would take that for what orders the accesses themselves; see internal/race.
//
//go:norace
func (s *shadows) of(h uint64) unsafe.Pointer {
	i := int(index(h))
	if i/shadowChunk >= len(s.chunks) { // a guard slot
		return nil
	}
	runtime.RaceDisable()
	defer runtime.RaceEnable()
	at := &s.chunks[i/shadowChunk]
	for at.Load() == nil {
		at.CompareAndSwap(nil, new([shadowChunk]atomic.Pointer[shadowBlock]))
	}
	slot, epoch := &at.Load()[i%shadowChunk], generation(h)/(2*shadowObjects)
	for {
		b := slot.Load()
		switch {
		case b == nil || b.epoch < epoch:
			slot.CompareAndSwap(b, &shadowBlock{epoch: epoch})
		case b.epoch > epoch:
			return nil
		default:
			// SAFETY: an address inside the block, for the race detector's books only.
			return unsafe.Pointer(&b.bytes[generation(h)/2%shadowObjects])
		}
	}
}

// setCount stores a counter that its owner alone changes and others read.
func setCount(p *uint64, n uint64) { atomic.StoreUint64(p, n) }

// setFlag is setCount for a lock word.
func setFlag(p *uint32, n uint32) { atomic.StoreUint32(p, n) }
