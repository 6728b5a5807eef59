package slab

import (
	"fmt"
	"runtime"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/faults"
	"github.com/typedmem/typedmem/internal/mem"
	"github.com/typedmem/typedmem/internal/shell"
	"github.com/typedmem/typedmem/internal/slots"
)

// refill puts slots into an empty magazine. s is its shard, which must not be locked, or nil for a
// cache, whose owner calls. It returns ErrFull when there is no slot, or why memory cannot be had.
func (c *core) refill(k *magazine, s *shard) error {
	faults.Look()
	p := &c.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := c.usable(); err != nil {
		return shell.Fail("alloc", err)
	}
	stocked := len(k.stock) > 0
	if !stocked {
		if err := c.provide(); err != nil {
			return err
		}
	}
	if s != nil {
		s.lockWait()
		defer s.unlock()
	}
	if stocked {
		rest := len(k.stock) - min(len(k.stock), magazineSize/2, max(int(k.room()), 1), int(magazineSize-k.n))
		slots.SetCount(&k.n, k.n+uint64(copy(k.handles[k.n:], k.stock[rest:])))
		p.stocks -= len(k.stock) - rest
		k.stock = k.stock[:rest]
		return nil
	}
	most := p.free.count + int(c.n) - p.bump
	if p.tight && most > int(c.n)/4 {
		p.tight = false
		c.allot()
	}
	batch := min(magazineSize/2, max(1, min(most/16, int(k.room()))))
	start := k.n
	for k.n < start+uint64(batch) && k.n < magazineSize && (p.free.count > 0 || p.bump < int(p.used.Load())) {
		k.push(c.next())
	}
	// The slot with the lowest address is handed out first.
	for a, b := start, k.n; a+1 < b; a, b = a+1, b-1 {
		k.handles[a], k.handles[b-1] = k.handles[b-1], k.handles[a]
	}
	return nil
}

// next takes a slot that provide has found.
func (c *core) next() uint64 {
	p := &c.pool
	if p.free.count > 0 {
		return c.shift(&p.free)
	}
	i := uint32(p.bump)
	p.bump++
	return uint64(slots.FirstGeneration(c.salt, i)+1)<<32 | uint64(i)
}

// provide makes sure that next finds a slot. The caller holds mu, which may be released meanwhile.
func (c *core) provide() error {
	p := &c.pool
	for {
		if err := c.usable(); err != nil {
			return shell.Fail("alloc", err)
		}
		used := int(p.used.Load())
		switch {
		case p.free.count > 0 || p.bump < used:
			return nil
		case p.waits.count > 0 && (used == int(c.n) || p.waits.count >= min(max(c.leastWaiting, used/2), c.mostWaiting)):
			if err := c.flushWaiting(); err != nil {
				return shell.Fail("alloc", err)
			}
		case p.stocks >= c.mostStocked(used) && c.unstockAll():
		case used < int(c.n):
			if err := c.grow(used); err != nil && !c.findMore() {
				return shell.Fail("alloc", err)
			}
		case c.gather():
		case p.flushing.count == 0:
			return full
		default: // somebody's flush is about to make slots free
			if err := c.flushWaiting(); err != nil {
				return shell.Fail("alloc", err)
			}
		}
	}
}

// findMore looks for slots where there is no memory for more, as on a full disk: in shards, in
// stocks, and among those that wait for a flush.
func (c *core) findMore() bool {
	p := &c.pool
	c.gather()
	return p.free.count > 0 || p.waits.count+p.flushing.count > 0 && c.flushWaiting() == nil
}

// leastStocked is in bytes, see mostStocked.
const leastStocked = 2 << 20

// mostStocked returns how many slots may be in stocks before they are moved to the free list rather
// than more memory provided: a quarter of the slots in use, or as many as take leastStocked bytes.
func (c *core) mostStocked(used int) int { return max(used/4, leastStocked/int(c.size)) }

// grow provides memory for more slots than used, unless somebody else has. The caller holds mu,
// which is released where growth waits for the kernel: where there is a file.
func (c *core) grow(used int) error {
	p := &c.pool
	if !c.m.FileBacked() {
		return c.growNow(used)
	}
	return p.unlocked(&p.growing, func() error {
		if p.closed.Load() || int(p.used.Load()) != used {
			return nil
		}
		return c.growNow(used)
	})
}

// growNow is grow for the one goroutine at a time that grows.
func (c *core) growNow(used int) error {
	if c.m.Len() < used*int(c.size) { // objects out there would come back as zeros
		return fmt.Errorf("the mapping was made shorter than its %d slots in use: %w", used, typedmem.ErrBounds)
	}
	if c.file != nil {
		if err := c.file.c.Whole(c.slotsEnd(used)); err != nil {
			return err
		}
	}
	more := max(mem.GrowthStep(used*int(c.size))/int(c.size), 1)
	used = min(used+more, int(c.n))
	if err := c.extend(used); err != nil {
		return err
	}
	c.pool.used.Store(uint64(used))
	return nil
}

// extend makes the mapping long enough for used slots.
func (c *core) extend(used int) error {
	if bytes := used * int(c.size); c.m.Len() < bytes {
		if err := c.m.Resize(bytes); err != nil {
			return err
		}
	}
	if i, limit := uintptr(used-1), c.limits.Writable(); c.end(i) > limit {
		return c.refusal(i, limit)
	}
	if c.file != nil {
		return c.file.extend(used)
	}
	return nil
}

// pop takes a free slot and returns the handle of its next object. The handle is not valid before
// the caller has written the object and called complete; abortAlloc returns the slot instead.
func (c *core) pop() (uint64, error) {
	for {
		s := c.pool.near()
		if !s.lockNow() {
			s = c.pool.pick()
		}
		if s.n > 0 {
			h := s.handles[(s.n-1)&(magazineSize-1)]
			i, limit := uintptr(slots.Index(h)), c.limits.Writable()
			if c.end(i) <= limit {
				slots.SetCount(&s.allocs, s.allocs+1)
				slots.SetCount(&s.n, s.n-1)
				s.unlock()
				return h, nil
			}
			s.unlock()
			return 0, shell.Fail("alloc", c.refusal(i, limit))
		}
		s.unlock()
		if err := c.refillPatiently(&s.magazine, s); err != nil {
			return 0, c.withNumbers(err)
		}
	}
}

// refillPatiently is refill; before it returns ErrFull it lets goroutines run whose caches hold
// slots, which they give back.
func (c *core) refillPatiently(k *magazine, s *shard) error {
	err := c.refill(k, s)
	for try := 0; err == full && try < 8 && c.askCaches(k); try++ {
		for range 4 {
			runtime.Gosched()
		}
		err = c.refill(k, s)
	}
	return err
}

// complete makes a handle from pop valid: the object is in its slot.
func (c *core) complete(h uint64) error {
	if c.file != nil {
		if err := c.file.record(c, slots.Index(h), slots.Generation(h)); err != nil {
			return err
		}
	}
	slots.Publish(slots.WordAt(c.words, uintptr(slots.Index(h))), h&^(slots.OneGeneration-1))
	return nil
}

// abortAlloc returns a slot that was popped and holds no object.
func (c *core) abortAlloc(h uint64) {
	if c.checks != nil {
		c.checks.forget(h)
	}
	p := &c.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cancelled.Add(1)
	if uintptr(slots.Index(h)) < c.n && !p.closed.Load() {
		c.push(&p.free, h)
	}
}
