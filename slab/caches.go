package slab

import (
	"sync/atomic"

	"github.com/typedmem/typedmem/internal/shell"
	"github.com/typedmem/typedmem/internal/slots"
)

// askCaches tells all caches to hold no slots, and reports whether one besides k holds any.
func (c *core) askCaches(k *magazine) bool {
	p := &c.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tight = true
	c.allot()
	p.registry.Lock()
	defer p.registry.Unlock()
	for other := range p.caches {
		if other != k && other.parked() > 0 {
			return true
		}
	}
	return false
}

// allot tells each cache how many slots it may hold: together at most an eighth of the capacity,
// none while slots are short. The caller holds mu.
func (c *core) allot() {
	p := &c.pool
	p.registry.Lock()
	defer p.registry.Unlock()
	most := c.n / 8
	if c.file != nil { // half of it for slots that wait for a flush
		most /= 2
	}
	share := min(most/uintptr(max(len(p.caches), 1)), magazineSize)
	if p.tight {
		share = 0
	}
	if p.share == uint64(share) {
		return
	}
	p.share = uint64(share)
	for k := range p.caches {
		atomic.StoreUint64(&k.limit, p.share)
	}
}

// popFrom is pop from a cache.
func (c *core) popFrom(k *magazine) (uint64, error) {
	for k.n == 0 {
		err := c.refillPatiently(k, nil)
		if err != nil && k.waits > 0 { // the cache's own freed slots, which a flush makes free
			c.pool.mu.Lock()
			c.moveWaiting(k)
			c.pool.mu.Unlock()
			err = c.refill(k, nil)
		}
		if err != nil {
			return 0, c.withNumbers(err)
		}
	}
	h := k.handles[k.n-1]
	if i, limit := uintptr(slots.Index(h)), c.limits.Writable(); c.end(i) > limit {
		return 0, shell.Fail("alloc", c.refusal(i, limit))
	}
	slots.SetCount(&k.allocs, k.allocs+1)
	slots.SetCount(&k.n, k.n-1)
	return h, nil
}

// newCache makes a magazine for a Cache.
func (c *core) newCache() *magazine {
	k := new(magazine)
	p := &c.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	p.registry.Lock()
	if p.caches == nil {
		p.caches = map[*magazine]struct{}{}
	}
	p.caches[k] = struct{}{}
	p.registry.Unlock()
	c.allot()
	slots.SetCount(&k.limit, p.share)
	return k
}

// endCache moves every slot of a cache to the pool. The second time it does nothing.
func (c *core) endCache(k *magazine) {
	p := &c.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, open := p.caches[k]; !open {
		return
	}
	p.registry.Lock()
	delete(p.caches, k)
	p.allocs += k.allocs
	p.frees += k.frees
	p.registry.Unlock()
	if !p.closed.Load() {
		c.empty(k)
		c.allot()
	}
}
