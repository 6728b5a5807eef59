package slab

import (
	"sync/atomic"

	"github.com/typedmem/typedmem/internal/shell"
	"github.com/typedmem/typedmem/internal/slots"
)

// spill makes room in a full magazine: it moves half of the slots that can be used, and all that
// wait. s is its shard, which must not be locked, or nil for a cache, whose owner calls.
func (c *core) spill(k *magazine, s *shard) {
	p := &c.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed.Load() {
		return
	}
	if s != nil {
		s.lockWait()
		defer s.unlock()
	}
	if room := k.room(); k.n >= room { // the older half goes: what was freed last is in the processor's cache
		rest := room / 2
		old := k.handles[:k.n-rest]
		if len(k.stock) < stockSize && !p.tight {
			k.stock = append(k.stock, old...)
			p.stocks += len(old)
		} else {
			for _, h := range old {
				c.push(&p.free, h)
			}
		}
		copy(k.handles[:rest], k.handles[len(old):k.n])
		slots.SetCount(&k.n, rest)
	}
	if k.waits >= min(k.room(), uint64(c.mostWaits)) {
		c.moveWaiting(k)
	}
}

// free frees the object of a handle.
func (c *core) free(h uint64) error {
	if i := uintptr(slots.Index(h)); i < c.n && !c.special && c.writable(i) {
		w := slots.WordAt(c.words, i)
		// The word is read before the shard is locked: a processor does not look ahead over the
		// lock.
		word := slots.Load(w)
		if slots.RaceEnabled {
			c.shadows.Freeing(h, word)
		}
		if slots.Generation(word) == slots.Generation(h) && word&slots.LiveBits == slots.OneGeneration && slots.Generation(h) < slots.LastLive {
			s := c.pool.near()
			if !s.lockNow() {
				s = c.pool.pick()
			}
			if s.n < magazineSize && atomic.CompareAndSwapUint64(w, word, uint64(slots.Generation(h)+1)<<32) {
				s.push(h + 2*slots.OneGeneration)
				slots.SetCount(&s.frees, s.frees+1)
				s.unlock()
				return nil
			}
			s.unlock()
		}
	}
	return c.freeSlow(h, nil)
}

// freeSlow is free for every case. own is the magazine of a cache or nil.
func (c *core) freeSlow(h uint64, own *magazine) error {
	if c.checks != nil && c.checks.guards.has(h, c) {
		return c.checks.guards.free(c, h)
	}
	for {
		w, word, err := c.access(opFree, h)
		if err != nil {
			return err
		}
		if own != nil && own.full(uint64(c.mostWaits)) {
			c.spill(own, nil)
			if own.room() == 0 {
				own = nil
			}
			continue
		}
		if own != nil {
			if done, err := c.endObject(own, w, word, h); done || err != nil {
				return err
			}
			continue
		}
		s := c.pool.near()
		if !s.lockNow() {
			s = c.pool.pick()
		}
		if s.full(uint64(c.mostWaits)) {
			s.unlock()
			c.spill(&s.magazine, s)
		} else if done, err := c.endObjectIn(s, w, word, h); done || err != nil {
			return err
		}
	}
}

// endObjectIn is endObject into a shard, which it unlocks. The object ends while the shard is
// locked: ErrFull, which takes all locks, is never returned while a slot is on its way. That may
// fault, where a file was cut off.
func (c *core) endObjectIn(s *shard, w *uint64, word, h uint64) (done bool, err error) {
	defer s.unlock()
	return c.endObject(&s.magazine, w, word, h)
}

// endObject ends an object, unless its word changed since it was word, and puts the slot where it
// belongs. k has room.
func (c *core) endObject(k *magazine, w *uint64, word, h uint64) (done bool, err error) {
	if done, err = c.markFreed(w, word, h); !done {
		return false, err
	}
	switch {
	case slots.Generation(h) == slots.LastLive:
		c.pool.retired.Add(1)
	case c.file != nil:
		k.pushWaiting(h + 2*slots.OneGeneration)
	default:
		k.push(h + 2*slots.OneGeneration)
	}
	slots.SetCount(&k.frees, k.frees+1)
	if c.checks != nil { // last: it may fault
		c.checks.ended(c, h)
	}
	return true, nil
}

// markFreed ends an object, unless its word changed since it was word: from here on its handle is
// stale. In a file the object ends first: anyone who finds the handle stale and calls Sync has that
// on the device.
func (c *core) markFreed(w *uint64, word, h uint64) (done bool, err error) {
	dead := uint64(slots.Generation(h)+1) << 32
	if slots.RaceEnabled {
		c.shadows.Freeing(h, word)
	}
	if c.file == nil {
		return atomic.CompareAndSwapUint64(w, word, dead), nil
	}
	if !atomic.CompareAndSwapUint64(w, word, word|slots.Busy) {
		return false, nil
	}
	if err := c.recordFree(w, word, dead, slots.Index(h)); err != nil {
		return false, shell.Fail("free", err)
	}
	return true, nil
}

// recordFree is markFreed in a file, for a word that says Busy. An error, or a fault where the file
// was cut off, leaves the object alive.
func (c *core) recordFree(w *uint64, word, dead uint64, i uint32) error {
	next := word
	defer func() { slots.Publish(w, next) }()
	err := c.file.record(c, i, slots.Generation(dead))
	if err == nil {
		next = dead
	}
	return err
}
