package slab

// Stats says how a slab is used. Live, Free, Cached, Waiting and Retired add up to its capacity.
// The numbers may be off by what others do during the call.
type Stats struct {
	Live    int // objects
	Free    int // slots that any goroutine can allocate
	Cached  int // slots that are parked in caches
	Waiting int // slots of a file that were freed, and are free once the file's words are flushed: by Sync, Flush, or when slots run short
	Retired int // slots that this slab uses no more: their generations are exhausted, or debug mode found that they were written after a Free

	Committed uint64 // bytes of the slots in use and their words, including those that Trim released

	Allocs uint64 // objects made since the slab was made or opened
	Frees  uint64 // objects freed since then
}

func (c *core) stats() Stats {
	if c.pool.Closed() || c.unmapped() {
		return Stats{}
	}
	return c.kind.stats()
}
