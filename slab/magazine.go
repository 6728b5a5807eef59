package slab

import (
	"runtime"
	"sync/atomic"
	"unsafe"
)

const magazineSize = 128

// magazine is a stack of free slots that one owner at a time uses: a Cache, or whoever holds the lock of a shard.
type magazine struct {
	_ [0]atomic.Uint64 // aligned to 8 bytes on 32-bit platforms too

	// Others read these while the owner changes them; see setCount.
	n      uint64 // slots that can be handed out
	waits  uint64 // slots of a file that were freed and wait for the next flush of its words
	allocs uint64 // objects made from this magazine

	handles [magazineSize]uint64 // of the next object of each slot
	waiting [magazineSize]uint64 // likewise
}

func (k *magazine) full() bool { return k.n == magazineSize || k.waits == magazineSize }

// push adds a slot by the handle of its next object.
func (k *magazine) push(h uint64) {
	k.handles[k.n&(magazineSize-1)] = h
	setCount(&k.n, k.n+1)
}

// pushWaiting is push for a slot that must not be used before the words were flushed.
func (k *magazine) pushWaiting(h uint64) {
	k.waiting[k.waits&(magazineSize-1)] = h
	setCount(&k.waits, k.waits+1)
}

// parked returns how many slots are in the magazine; any goroutine may ask.
func (k *magazine) parked() int { return int(atomic.LoadUint64(&k.n) + atomic.LoadUint64(&k.waits)) }

// shard is a magazine that all goroutines use, under a lock that is held for a few instructions.
type shard struct {
	magazine
	lock uint32
	_    [64]byte // the next shard's lock and counts are on another cache line
}

func (s *shard) tryLock() bool {
	return atomic.LoadUint32(&s.lock) == 0 && atomic.CompareAndSwapUint32(&s.lock, 0, 1)
}

func (s *shard) unlock() { setFlag(&s.lock, 0) }

func (s *shard) lockWait() {
	for spin := 0; !s.tryLock(); spin++ {
		pause(spin)
	}
}

// shardCount is a power of two, at least the number of processors in use but for very many.
func shardCount() int {
	n := 1
	for n < runtime.GOMAXPROCS(0) && n < 64 {
		n *= 2
	}
	return n
}

// pick locks a shard: that of this goroutine's stack, or the next one that nobody holds.
func (p *pool) pick() *shard {
	var here byte
	mask := uint32(len(p.shards) - 1)
	// SAFETY: the address is used as a number that differs between goroutines, never as a pointer.
	i := uint32(uintptr(unsafe.Pointer(&here))>>11) * 0x9e3779b1 >> 16
	for spin := 0; ; spin++ {
		if s := &p.shards[i&mask]; s.tryLock() {
			return s
		}
		i++
		if spin > int(mask) {
			pause(spin)
		}
	}
}
