package slots

// Stop keeps others from taking and releasing slots until resume is called. Those who have taken a
// slot still make its object, and a cache still makes one of each of its slots. The caller must not
// wait for anyone meanwhile: not for an object that is being changed, nor for the kernel.
func (p *Pool) Stop() (resume func()) {
	p.mu.Lock()
	p.allow(0) // a cache that frees an object finds itself full, and waits for mu
	unlock := p.lockShards()
	return func() {
		unlock()
		p.allow(p.share)
		p.mu.Unlock()
	}
}

// allow tells each cache how many slots it may hold. The caller holds mu.
func (p *Pool) allow(n uint64) {
	p.registry.Lock()
	defer p.registry.Unlock()
	for k := range p.caches {
		k.Allow(n)
	}
}
