package slab

import (
	"sync/atomic"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/slots"
)

// Stats says how a slab is used. Live, Free, Cached, Waiting and Retired add up to its capacity.
// The numbers may be off by what others do during the call.
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

// counts adds up how many objects were allocated and freed, and how many slots caches hold. It
// takes no lock of the pool: each number is true at some instant during the call.
func (c *core) counts() (allocs, frees uint64, cached, waiting int) {
	p := &c.pool
	p.registry.Lock()
	defer p.registry.Unlock()
	allocs, frees = p.allocs-p.cancelled.Load(), p.frees+p.freed.Load()
	for i := range p.shards {
		k := &p.shards[i].magazine
		made, freed := k.counts()
		allocs, frees = allocs+made, frees+freed
		waiting += int(atomic.LoadUint64(&k.waits))
	}
	for k := range p.caches {
		made, freed := k.counts()
		allocs, frees = allocs+made, frees+freed
		cached += k.parked()
	}
	return allocs, frees, cached, waiting + int(p.waiting.Load())
}

// len returns the number of objects.
func (c *core) len() int {
	if c.pool.closed.Load() || c.unmapped() {
		return 0
	}
	if c.file != nil && !c.file.writer {
		return c.readerStats().Live
	}
	allocs, frees, _, _ := c.counts()
	return c.between(c.live + allocs - frees)
}

// between limits a sum of numbers that changed meanwhile to 0 and the capacity.
func (c *core) between(n uint64) int { return min(max(int(n), 0), int(c.n)) }

// stats adds everything up.
func (c *core) stats() Stats {
	if c.pool.closed.Load() || c.unmapped() {
		return Stats{}
	}
	if c.file != nil && !c.file.writer {
		return c.readerStats()
	}
	var s Stats
	s.Allocs, s.Frees, s.Cached, s.Waiting = c.counts()
	s.Live = c.between(c.live + s.Allocs - s.Frees)
	s.Frees = c.live + s.Allocs - uint64(s.Live)
	s.Retired = int(c.pool.retired.Load())
	s.Free = max(int(c.n)-s.Live-s.Cached-s.Waiting-s.Retired, 0)
	words := uint64(8)
	if c.file != nil { // in the file as well
		words = 16
	}
	s.Committed = c.pool.used.Load() * (uint64(c.size) + words)
	return s
}

// readerStats counts the objects by the writer's words.
func (c *core) readerStats() Stats {
	s := Stats{Free: int(c.n)}
	// A file that is cut off meanwhile ends the count.
	_ = typedmem.Guard(func() error {
		c.file.follow(c, uintptr(c.pool.used.Load()))
		used := c.pool.used.Load()
		s.Committed = used * (uint64(c.size) + 8) // it works on the file's words
		for i := range uintptr(used) {
			switch word := slots.Load(slots.WordAt(c.words, i)); {
			case slots.IsLive(word):
				s.Live++
				s.Free--
			case slots.Generation(word) == slots.Retired:
				s.Retired++
				s.Free--
			}
		}
		return nil
	})
	return s
}
