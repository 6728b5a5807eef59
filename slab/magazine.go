package slab

import (
	"runtime"
	"sync/atomic"
	"unsafe"

	"github.com/typedmem/typedmem/internal/slots"
)

const (
	magazineSize = 128
	stockSize    = 64 * magazineSize
	clashLimit   = 1 << 10
)

// magazine is a stack of free slots that one owner at a time uses: a [Cache], or anyone who holds
// the lock of a shard.
type magazine struct {
	_ [0]atomic.Uint64 // aligned to 8 bytes on 32-bit platforms too

	// Others read these while the owner changes them; see setCount.
	n      uint64 // slots that can be handed out
	waits  uint64 // slots of a file that were freed and wait for the next flush of its words
	allocs uint64 // objects made from this magazine
	frees  uint64 // objects freed into it
	limit  uint64 // how many slots it may keep, at most magazineSize; the pool sets it, see share

	handles [magazineSize]uint64 // of the next object of each slot
	waiting []uint64             // likewise; of a file only

	// What was spilled from handles and is first in line to refill it. It belongs to the pool and
	// moves under its mu: anyone who finds no other slot takes it.
	stock []uint64
}

// room returns how many slots the magazine may hold.
func (k *magazine) room() uint64 { return atomic.LoadUint64(&k.limit) }

// full reports whether slots have to leave before one can come; mostWaits is how many of them may
// wait for a flush.
func (k *magazine) full(mostWaits uint64) bool {
	room := k.room()
	return k.n >= room || k.waits >= min(room, mostWaits)
}

// push adds a slot by the handle of its next object. The mask spares a bounds check.
func (k *magazine) push(h uint64) {
	k.handles[k.n&(magazineSize-1)] = h
	slots.SetCount(&k.n, k.n+1)
}

// pushWaiting is push for a slot that must not be used before the words were flushed.
func (k *magazine) pushWaiting(h uint64) {
	if k.waiting == nil {
		k.waiting = make([]uint64, magazineSize)
	}
	k.waiting[k.waits] = h
	slots.SetCount(&k.waits, k.waits+1)
}

// parked returns how many slots are in the magazine. Any goroutine may call it.
func (k *magazine) parked() int { return int(atomic.LoadUint64(&k.n) + atomic.LoadUint64(&k.waits)) }

// counts returns both counts as they were at one instant, unless the owner is so fast that no
// attempt succeeds.
func (k *magazine) counts() (allocs, frees uint64) {
	for range 1000 {
		frees = atomic.LoadUint64(&k.frees)
		allocs = atomic.LoadUint64(&k.allocs)
		if atomic.LoadUint64(&k.frees) == frees {
			break
		}
	}
	return allocs, frees
}

// shard is a magazine that all goroutines use, under a lock that is held for a few instructions.
type shard struct {
	magazine
	lock  uint32
	place uint32   // its own index
	_     [64]byte // the next shard's lock and counts are on another cache line
}

func (s *shard) tryLock() bool {
	return atomic.LoadUint32(&s.lock) == 0 && atomic.CompareAndSwapUint32(&s.lock, 0, 1)
}

// lockNow is tryLock for a lock that is likely free.
func (s *shard) lockNow() bool { return atomic.CompareAndSwapUint32(&s.lock, 0, 1) }

func (s *shard) unlock() { slots.SetFlag(&s.lock, 0) }

func (s *shard) lockWait() {
	for spin := 0; !s.tryLock(); spin++ {
		slots.Pause(spin)
	}
}

// shardCount returns a power of two, at least four times the number of processors in use, so that
// few goroutines that run at the same time meet. Very many processors or few slots get fewer.
func shardCount(capacity int) int {
	n := 1
	for n < min(4*runtime.GOMAXPROCS(0), 64, capacity/magazineSize) {
		n *= 2
	}
	return n
}

// near returns the shard of this goroutine's stack.
func (p *pool) near() *shard {
	var here byte
	// SAFETY: the address is used as a number that differs between goroutines, never as a pointer.
	i := uint32(uintptr(unsafe.Pointer(&here))>>11) * p.spread.Load() >> 16
	return &p.shards[i&uint32(len(p.shards)-1)]
}

// pick locks the near shard, or if somebody holds it the next one that is free. Goroutines that run
// side by side and meet in one shard again and again are spread anew.
func (p *pool) pick() *shard {
	if n := p.clashes.Add(1); n%clashLimit == 0 {
		p.spread.Store(uint32(slots.Mix(n)) | 1)
	}
	first := p.near().place
	for spin := 0; ; spin++ {
		for i := range uint32(len(p.shards)) {
			if s := &p.shards[(first+i)&uint32(len(p.shards)-1)]; s.tryLock() {
				return s
			}
		}
		slots.Pause(spin)
	}
}
