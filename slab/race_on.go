//go:build race

package slab

import (
	"runtime"
	"sync/atomic"
	"unsafe"
)

// raceEnabled: the race detector does not look at mapped memory. Each slot has some bytes on the heap in its stead, one for each of so many generations: a
// Load that lost against a Free must not count as a race with the next owner.
const raceEnabled = true

const (
	shadowGenerations = 32
	shadowChunk       = 1024 // slots
)

type shadows struct {
	chunks []atomic.Pointer[[shadowChunk * shadowGenerations]byte]
}

func newShadows(slots int) shadows {
	return shadows{make([]atomic.Pointer[[shadowChunk * shadowGenerations]byte], (slots+shadowChunk-1)/shadowChunk)}
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

func (s *shadows) of(h uint64) unsafe.Pointer {
	i := int(index(h))
	if i/shadowChunk >= len(s.chunks) { // a guard slot
		return nil
	}
	at := &s.chunks[i/shadowChunk]
	for at.Load() == nil {
		at.CompareAndSwap(nil, new([shadowChunk * shadowGenerations]byte))
	}
	// SAFETY: an address inside the chunk, for the race detector's books only.
	return unsafe.Pointer(&at.Load()[i%shadowChunk*shadowGenerations+int(generation(h)/2%shadowGenerations)])
}

// setCount stores a counter that its owner alone changes and others read.
func setCount(p *uint64, n uint64) { atomic.StoreUint64(p, n) }

// setFlag is setCount for a lock word.
func setFlag(p *uint32, n uint32) { atomic.StoreUint32(p, n) }
