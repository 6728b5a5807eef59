package slots

// Counts says where the slots are. Its fields are those of slab.Stats.
type Counts struct {
	Live, Free, Cached, Waiting, Retired int
	Committed, Allocs, Frees             uint64
}

// Counts adds up what shards and caches have counted. It takes no lock of the pool: each number is
// true at some instant during the call.
func (p *Pool) Counts() (n Counts) {
	p.registry.Lock()
	n.Allocs, n.Frees = p.allocs-p.cancelled.Load(), p.frees+p.freed.Load()
	for i := range p.shards {
		k := &p.shards[i].Magazine
		n.add(k)
		n.Waiting += int(Load(&k.waits))
	}
	for k := range p.caches {
		n.add(k)
		n.Cached += k.Parked()
	}
	p.registry.Unlock()
	n.Waiting += int(p.waiting.Load())
	n.Retired = int(p.retired.Load())
	// The numbers changed meanwhile, so their sums have to be limited.
	n.Live = min(max(int(p.live+n.Allocs-n.Frees), 0), int(p.Cap))
	n.Frees = p.live + n.Allocs - uint64(n.Live)
	n.Free = max(int(p.Cap)-n.Live-n.Cached-n.Waiting-n.Retired, 0)
	n.Committed = p.used.Load() * (uint64(p.Size) + 8)
	if p.Durable { // the words are in the file as well
		n.Committed += p.used.Load() * 8
	}
	return n
}

// add adds the objects that were made from a magazine and freed into it, both as they were at one
// instant, unless the owner is so fast that no attempt succeeds.
func (n *Counts) add(k *Magazine) {
	var allocs, frees uint64
	for range 1000 {
		frees = Load(&k.frees)
		allocs = Load(&k.allocs)
		if Load(&k.frees) == frees {
			break
		}
	}
	n.Allocs += allocs
	n.Frees += frees
}
