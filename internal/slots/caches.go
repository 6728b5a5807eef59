package slots

// drainCaches tells all caches to hold no slots, and reports whether one besides k holds any.
func (p *Pool) drainCaches(k *Magazine) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tight = true
	p.allot()
	p.registry.Lock()
	defer p.registry.Unlock()
	for other := range p.caches {
		if other != k && other.Parked() > 0 {
			return true
		}
	}
	return false
}

// allot tells each cache how many slots it may hold: together at most an eighth of the capacity,
// none while slots are short. The caller holds mu.
func (p *Pool) allot() {
	p.registry.Lock()
	defer p.registry.Unlock()
	most := p.Cap / 8
	if p.Durable { // half of it for slots that wait for a flush
		most /= 2
	}
	share := min(most/uintptr(max(len(p.caches), 1)), MagazineSize)
	if p.tight {
		share = 0
	}
	if p.share == uint64(share) {
		return
	}
	p.share = uint64(share)
	for k := range p.caches {
		k.Allow(p.share)
	}
}

// AllocateFrom is Allocate from a cache.
func (p *Pool) AllocateFrom(k *Magazine) (uint64, error) {
	for k.n == 0 {
		err := p.refillPatiently(k, nil)
		if err != nil && k.waits > 0 { // the cache's own freed slots, which a flush makes free
			p.mu.Lock()
			p.moveWaiting(k)
			p.mu.Unlock()
			err = p.refill(k, nil)
		}
		if err != nil {
			return 0, err
		}
	}
	h := k.handles[k.n-1]
	if i, limit := uintptr(Index(h)), p.Limits.Writable(); p.End(i) > limit {
		return 0, p.Refusal(i, limit)
	}
	k.Take()
	return h, nil
}

// NewCache makes a magazine for one goroutine at a time.
func (p *Pool) NewCache() *Magazine {
	k := new(Magazine)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.registry.Lock()
	p.caches[k] = struct{}{}
	p.registry.Unlock()
	p.allot()
	k.Allow(p.share)
	return k
}

// CloseCache moves every slot of a cache to the pool. The second time it does nothing.
func (p *Pool) CloseCache(k *Magazine) {
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
		p.empty(k)
		p.allot()
	}
}
