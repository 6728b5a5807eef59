package slots

import (
	"runtime"
	"sync/atomic"
	"unsafe"

	"github.com/typedmem/typedmem/internal/order"
)

// clashLimit is after how many clashes goroutines are spread over the shards anew.
const clashLimit = 1 << 10

// shard is a magazine that all goroutines use, under a lock that is held for a few instructions.
type shard struct {
	Magazine
	lock  uint32
	place uint32   // its own index
	_     [64]byte // the next shard's lock and counts are on another cache line
}

func (s *shard) tryLock() bool {
	return atomic.LoadUint32(&s.lock) == 0 && atomic.CompareAndSwapUint32(&s.lock, 0, 1)
}

// lockNow is tryLock for a lock that is likely free.
func (s *shard) lockNow() bool { return atomic.CompareAndSwapUint32(&s.lock, 0, 1) }

func (s *shard) unlock() {
	if order.Strong && !RaceEnabled {
		s.lock = 0
	} else {
		atomic.StoreUint32(&s.lock, 0)
	}
}

func (s *shard) lockWait() {
	for spin := 0; !s.tryLock(); spin++ {
		Pause(spin)
	}
}

// shardCount returns a power of two, at least four times the number of processors in use, so that
// few goroutines that run at the same time meet. Very many processors or few slots get fewer.
func shardCount(capacity int) int {
	n := 1
	for n < min(4*runtime.GOMAXPROCS(0), 64, capacity/MagazineSize) {
		n *= 2
	}
	return n
}

// near returns the shard of this goroutine's stack.
func (p *Pool) near() *shard {
	var here byte
	// SAFETY: the address is used as a number that differs between goroutines, never as a pointer.
	i := uint32(uintptr(unsafe.Pointer(&here))>>11) * p.spread.Load() >> 16
	return &p.shards[i&uint32(len(p.shards)-1)]
}

// pick locks the near shard, or if somebody holds it the next one that is free. Goroutines that run
// side by side and meet in one shard again and again are spread anew.
func (p *Pool) pick() *shard {
	if n := p.clashes.Add(1); n%clashLimit == 0 {
		p.spread.Store(uint32(mix(n)) | 1)
	}
	first := p.near().place
	for spin := 0; ; spin++ {
		for i := range uint32(len(p.shards)) {
			if s := &p.shards[(first+i)&uint32(len(p.shards)-1)]; s.tryLock() {
				return s
			}
		}
		Pause(spin)
	}
}

// lockShards locks all shards; the caller holds mu, and calls unlock.
func (p *Pool) lockShards() (unlock func()) {
	for i := range p.shards {
		p.shards[i].lockWait()
	}
	return func() {
		for i := range p.shards {
			p.shards[i].unlock()
		}
	}
}
