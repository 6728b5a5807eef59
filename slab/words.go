package slab

import (
	"runtime"
	"sync/atomic"
	"time"
	"unsafe"
)

// Every slot has a word of 64 bits, apart from the slots themselves. Bits 32..63 are the slot's
// generation, odd while an object lives there. Bits 0..31 mean:
//
//	live: bit 0 says that a Store is writing the object; the other bits count the Stores that did
//	free: index+1 of the next slot of the free list, where the slot is in that list
//
// A word of 0 is that of a slot that never held an object. A handle is the slot's index in bits
// 0..31 and the generation in bits 32..63.
const (
	oneGeneration = 1 << 32
	busy          = 1
	liveBits      = oneGeneration | busy // of which a live word that nobody writes has the upper one only

	lastLive = 1<<32 - 3 // the last generation of an object; the slot is retired after it
	retired  = 1<<32 - 2 // of a slot that is never used again
)

func generation(word uint64) uint32 { return uint32(word >> 32) }
func index(handle uint64) uint32    { return uint32(handle) }

func isLive(word uint64) bool { return word&oneGeneration != 0 }

// wordAt returns the address of a word.
func wordAt(words unsafe.Pointer, i uintptr) *uint64 {
	// SAFETY: the callers have compared i with the number of slots, and words is a mapping of one
	// word a slot, off the Go heap and page-aligned.
	return (*uint64)(unsafe.Add(words, i*8))
}

// mix spreads x over 64 bits: the finalizer of SplitMix64. FORMAT.md documents it, since files
// depend on it.
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// first returns the generation that slot i has before its first object: even, between 2 and 1<<31,
// and without the slab's salt not to be guessed. So the handles of one slab are stale in another,
// and those of one slot in its neighbour.
func first(salt uint64, i uint32) uint32 { return uint32(mix(salt^uint64(i)))&(1<<30-1)<<1 + 2 }

// kept makes the word that a file holds for slot i: the generation, and in bits 1..31 a check that
// shows damage. Bit 0 stays 0, so that readers can use it as a word.
func kept(salt uint64, i, g uint32) uint64 {
	return uint64(g)<<32 | mix(salt+uint64(g)<<32+uint64(i))&0xfffffffe
}

// validKept reports whether a word of a file is one that kept makes, or that of a slot that never
// held an object.
func validKept(salt uint64, i uint32, word uint64) bool {
	g := generation(word)
	return word == 0 || word == kept(salt, i, g) && first(salt, i) <= g && g <= retired
}

// stored is the word of an object after a Store: Loads that saw the word before must see that it
// changed, so the count of Stores goes up.
func stored(word uint64) uint64 { return word&^(oneGeneration-1) | uint64(uint32(word)+2)&^busy }

// pause lets others go on while a goroutine waits for one that is copying an object, or is inside
// an Update, which may take long.
func pause(spin int) {
	switch {
	case spin > 1<<13: // an Update takes its time
		time.Sleep(50 * time.Microsecond)
	case spin > 16:
		runtime.Gosched()
	}
}

func loadWord(w *uint64) uint64 { return atomic.LoadUint64(w) }
