package slab

import (
	"sync/atomic"

	"github.com/typedmem/typedmem"
)

// Stats says how a slab is used. Live, Free, Cached, Waiting and Retired together are its capacity. Numbers that caches are changing meanwhile may be off by what
// they do in that moment.
type Stats struct {
	Live    int // objects
	Free    int // slots that any goroutine can allocate
	Cached  int // slots that are parked in caches
	Waiting int // slots of a file that were freed, and are free once the file's words are flushed: by Sync, Flush, or when slots run short
	Retired int // slots that are never used again: their generations are exhausted, or debug mode found that they were written after a Free

	Committed uint64 // bytes behind the slots in use and their words; what Trim gave back included

	Allocs uint64 // objects made since the slab was made or opened
	Frees  uint64 // objects freed since then
}

// stats adds everything up.
func (c *core) stats() Stats {
	p := &c.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || c.gone() {
		return Stats{}
	}
	if c.file != nil && !c.file.writer {
		return c.readerStats()
	}
	defer p.lockShards()()
	s := Stats{
		Free:    p.free.count + int(c.n) - p.bump,
		Waiting: p.waits.count,
		Retired: int(p.retired.Load()),
		Allocs:  p.gone,
	}
	for i := range p.shards {
		k := &p.shards[i].magazine
		s.Free += int(k.n) + len(k.stock)
		s.Waiting += int(k.waits)
		s.Allocs += k.allocs
	}
	for k := range p.caches {
		s.Cached += k.parked()
		s.Free += len(k.stock)
		s.Allocs += atomic.LoadUint64(&k.allocs) // after parked: a slot leaves only when it was counted
	}
	s.Allocs -= p.spoilt.Load()
	s.Live = max(0, int(c.n)-s.Free-s.Waiting-s.Retired-s.Cached)
	s.Frees = max(c.live+s.Allocs, uint64(s.Live)) - uint64(s.Live)
	words := uint64(8)
	if c.file != nil { // in the file as well
		words = 16
	}
	s.Committed = p.used.Load() * (uint64(c.size) + words)
	return s
}

// readerStats counts what the writer's words say.
func (c *core) readerStats() Stats {
	s := Stats{Free: int(c.n)}
	// A file that is cut off meanwhile ends the count.
	_ = typedmem.Guard(func() error {
		c.file.follow(c, uintptr(c.pool.used.Load()))
		used := c.pool.used.Load()
		s.Committed = used * (uint64(c.size) + 8) // it works on the file's words
		for i := range uintptr(used) {
			switch word := loadWord(wordAt(c.words, i)); {
			case isLive(word):
				s.Live++
				s.Free--
			case generation(word) == retired:
				s.Retired++
				s.Free--
			}
		}
		return nil
	})
	return s
}
