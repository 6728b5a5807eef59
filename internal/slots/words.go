package slots

import (
	"runtime"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/typedmem/typedmem/internal/order"
)

// Every slot has a word of 64 bits, apart from the slots themselves. Bits 32..63 are the slot's
// generation, which is odd while an object lives there. Bits 0..31 depend on that:
//
//	live: bit 0 says that a Store is writing the object; the other bits count the Stores
//	free: index+1 of the next slot in the free list, if the slot is in one
//
// A word of 0 belongs to a slot that never held an object. A handle is the index of a slot in bits
// 0..31 and its generation in bits 32..63.
const (
	OneGeneration = 1 << 32              // added to a word or handle: the next generation
	Busy          = 1                    // in the word of an object that one goroutine holds
	LiveBits      = OneGeneration | Busy // with only OneGeneration of these set, an object is live and held by nobody

	LastLive = 1<<32 - 3 // the generation of the last object of a slot, which is retired after it
	Retired  = 1<<32 - 2 // the generation of a slot that is never used again
)

func Generation(wordOrHandle uint64) uint32 { return uint32(wordOrHandle >> 32) }
func Index(handle uint64) uint32            { return uint32(handle) }
func IsLive(word uint64) bool               { return word&OneGeneration != 0 }

// WordAt returns the address of the word of slot i.
func WordAt(words unsafe.Pointer, i uintptr) *uint64 {
	// SAFETY: the callers have compared i with the number of slots. words is a page-aligned mapping
	// off the Go heap with one word for each slot.
	return (*uint64)(unsafe.Add(words, i*8))
}

// setCount is [order.Publish] for a counter on the heap, which never faults.
func setCount(p *uint64, n uint64) {
	if RaceEnabled {
		atomic.StoreUint64(p, n)
	} else {
		order.Publish(p, n)
	}
}

// Load loads what [order.Publish] stores.
func Load(w *uint64) uint64 { return atomic.LoadUint64(w) }

// mix spreads x over 64 bits: the finalizer of SplitMix64. Files depend on it; see FORMAT.md.
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// FirstGeneration returns the generation of slot i before its first object: even, and from 2 to
// 1<<31. It depends on the salt and on i, so that a handle is stale in another slab and in another
// slot.
func FirstGeneration(salt uint64, i uint32) uint32 {
	return uint32(mix(salt^uint64(i)))&(1<<30-1)<<1 + 2
}

// FileWord returns the word that a file has for slot i: the generation, and in bits 1..31 a
// checksum that shows damage. Bit 0 is 0, so that readers can use it as a word.
func FileWord(salt uint64, i, generation uint32) uint64 {
	return uint64(generation)<<32 | mix(salt+uint64(generation)<<32+uint64(i))&0xfffffffe
}

// AfterStore returns the word of an object after a Store: not busy, and with the Store counted, so
// that a Load that saw the word before notices.
func AfterStore(word uint64) uint64 {
	return word&^(OneGeneration-1) | uint64(uint32(word)+2)&^Busy
}

// Pause lets others run while a goroutine waits for one that copies an object or is inside an
// Update, which may take long. spin counts the calls.
func Pause(spin int) {
	switch {
	case spin > 1<<13:
		time.Sleep(50 * time.Microsecond)
	case spin > 16:
		runtime.Gosched()
	}
}
