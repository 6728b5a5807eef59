package slots

import (
	"errors"
	"runtime"
	"slices"
	"sync/atomic"

	"github.com/typedmem/typedmem/internal/faults"
	"github.com/typedmem/typedmem/internal/mem"
	"github.com/typedmem/typedmem/internal/order"
)

// ErrFull is returned where no slot is free.
var ErrFull = errors.New("no slot is free")

// refill puts slots into an empty magazine. s is its shard, which must not be locked, or nil for a
// cache, whose owner calls. It returns ErrFull when there is no slot, or why memory cannot be had.
func (p *Pool) refill(k *Magazine, s *shard) error {
	faults.Look()
	p.mu.Lock()
	defer p.mu.Unlock()
	stocked, err := len(k.stock) > 0, p.Usable()
	if !stocked {
		err = p.provide()
	}
	if err != nil {
		return err
	}
	if s != nil {
		s.lockWait()
		defer s.unlock()
	}
	if stocked {
		rest := len(k.stock) - min(len(k.stock), MagazineSize/2, max(int(k.room()), 1), int(MagazineSize-k.n))
		setCount(&k.n, k.n+uint64(copy(k.handles[k.n:], k.stock[rest:])))
		p.stocks -= len(k.stock) - rest
		k.stock = k.stock[:rest]
		return nil
	}
	most := p.free.count + int(p.Cap) - p.bump
	if p.tight && most > int(p.Cap)/4 {
		p.tight = false
		p.allot()
	}
	batch := min(MagazineSize/2, max(1, min(most/16, int(k.room()), batchBytes/int(p.Size))))
	start := k.n
	for k.n < start+uint64(batch) && k.n < MagazineSize && (p.free.count > 0 || p.bump < p.here()) {
		k.push(p.next())
	}
	// The slot with the lowest address is allocated first.
	slices.Reverse(k.handles[start:k.n])
	return nil
}

// next takes a slot that provide has found.
func (p *Pool) next() uint64 {
	if p.free.count > 0 {
		return p.shift(&p.free)
	}
	i := uint32(p.bump)
	p.bump++
	return uint64(FirstGeneration(p.Salt, i)+1)<<32 | uint64(i)
}

// provide makes sure that the pool is usable and next finds a slot. The caller holds mu, which may
// be released meanwhile.
func (p *Pool) provide() error {
	for {
		used, err := p.Used(), p.Usable()
		switch {
		case err != nil:
		case p.free.count > 0 || p.bump < p.here():
			return nil
		case p.bump < used:
			if err = p.arrive(used); err != nil && p.findMore() {
				err = nil
			}
		case p.waits.count > 0 && (used == int(p.Cap) || p.waits.count >= p.enoughWaiting(used)):
			err = p.flushWaiting()
		case p.stocks >= p.mostStocked(used) && p.unstockAll():
		case used < int(p.Cap):
			if err = p.grow(used); err != nil && p.findMore() {
				err = nil
			}
		case p.gather():
		case p.flushing.count == 0:
			err = ErrFull
		default: // somebody's flush is about to make slots free
			err = p.flushWaiting()
		}
		if err != nil {
			return err
		}
	}
}

// findMore looks for slots where there is no memory for more, as on a full disk: in shards, in
// stocks, and among those that wait for a flush.
func (p *Pool) findMore() bool {
	p.gather()
	return p.free.count > 0 || p.waits.count+p.flushing.count > 0 && p.flushWaiting() == nil
}

const (
	leastStocked = 2 << 20 // bytes, see mostStocked

	leastWaiting      = 4096 // see enoughWaiting
	leastWaitingBytes = 4 << 20
	mostWaitingBytes  = 64 << 20
	waitsBytes        = 256 << 10 // that wait in one magazine, at the most

	batchBytes = 1 << 20 // that a magazine takes at once, see refill
)

// enoughWaiting returns how many freed slots the words are flushed for at once: half of those in
// use, at least leastWaiting, or fewer if they take leastWaitingBytes, at most mostWaitingBytes.
func (p *Pool) enoughWaiting(used int) int {
	least := max(min(leastWaiting, leastWaitingBytes/int(p.Size)), 1)
	return min(max(least, used/2), max(least, mostWaitingBytes/int(p.Size)))
}

// mostStocked returns how many slots may be in stocks before they are moved to the free list rather
// than more memory provided: a quarter of the slots in use, or as many as take leastStocked bytes.
func (p *Pool) mostStocked(used int) int { return max(used/4, leastStocked/int(p.Size)) }

// grow provides memory for more slots than used, unless somebody else has. The caller holds mu,
// which is released where growth waits for the kernel: where there is a file.
func (p *Pool) grow(used int) error {
	grow := func() error {
		if p.closed.Load() || p.Used() != used {
			return nil
		}
		more := max(mem.GrowthStep(used*int(p.Size))/int(p.Size), 1)
		to := min(used+more, int(p.Cap))
		if err := p.Backing.Grow(used, to); err != nil {
			return err
		}
		p.SetUsed(to)
		return nil
	}
	if !p.SlowGrow {
		return grow()
	}
	return p.unlocked(&p.Growing, grow)
}

// here returns the number of slots whose memory is here: those from bump up to it can be used.
func (p *Pool) here() int {
	if !p.SlowGrow {
		return p.Used()
	}
	return int(min(p.arrived.Load(), p.used.Load()))
}

// arrive has the memory of some slots of used come in, unless somebody else has. The caller holds
// mu, which is released meanwhile.
func (p *Pool) arrive(used int) error {
	from := max(p.bump, p.here())
	return p.unlocked(&p.Arriving, func() error {
		if p.closed.Load() || p.here() > from {
			return nil
		}
		to := min(from+max(mem.ArrivalStep(used*int(p.Size))/int(p.Size), 1), used)
		if err := p.Backing.Arrive(from, to); err != nil {
			return err
		}
		p.arrived.Store(uint64(to))
		return nil
	})
}

// Allocate takes a free slot and returns the handle of its next object. The handle is not valid
// before the caller has written the object and called Complete; Cancel returns the slot instead.
func (p *Pool) Allocate() (uint64, error) {
	for {
		s := p.near()
		if !s.lockNow() {
			s = p.pick()
		}
		if s.n > 0 {
			h := s.handles[(s.n-1)&(MagazineSize-1)]
			i, limit := uintptr(Index(h)), p.Limits.Writable()
			if p.End(i) <= limit {
				s.Take()
				s.unlock()
				return h, nil
			}
			s.unlock()
			return 0, p.Refusal(i, limit)
		}
		s.unlock()
		if err := p.refillPatiently(&s.Magazine, s); err != nil {
			return 0, err
		}
	}
}

// refillPatiently is refill; before it returns ErrFull it lets goroutines run whose caches hold
// slots, which they give back.
func (p *Pool) refillPatiently(k *Magazine, s *shard) error {
	err := p.refill(k, s)
	for try := 0; err == ErrFull && try < 8 && p.drainCaches(k); try++ {
		for range 4 {
			runtime.Gosched()
		}
		err = p.refill(k, s)
	}
	return err
}

// Complete makes a handle from Allocate valid: the object is in its slot.
func (p *Pool) Complete(h uint64) error {
	if p.Durable {
		if err := p.Backing.Record(Index(h), Generation(h)); err != nil {
			return err
		}
	}
	order.Publish(p.Word(uintptr(Index(h))), h&^(OneGeneration-1))
	return nil
}

// Cancel returns a slot that was allocated and holds no object.
func (p *Pool) Cancel(h uint64) { p.putBack(h, &p.cancelled) }

// putBack returns a slot by the handle of its next object, and counts it.
func (p *Pool) putBack(h uint64, count *atomic.Uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	count.Add(1)
	if !p.closed.Load() {
		p.push(&p.free, h)
	}
}

// Retire is Cancel for a slot that must not be used again.
func (p *Pool) Retire(h uint64) {
	p.cancelled.Add(1)
	p.retire(Index(h))
}
