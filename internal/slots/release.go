package slots

import (
	"sync/atomic"

	"github.com/typedmem/typedmem/internal/order"
)

// spill makes room in a full magazine: it moves half of the slots that can be used, and all that
// wait. s is its shard, which must not be locked, or nil for a cache, whose owner calls.
func (p *Pool) spill(k *Magazine, s *shard) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed.Load() {
		return
	}
	if s != nil {
		s.lockWait()
		defer s.unlock()
	}
	if room := k.room(); k.n >= room { // the older half: what was freed last is in the processor's cache
		rest := room / 2
		old := k.handles[:k.n-rest]
		if len(k.stock) < stockSize && !p.tight {
			k.stock = append(k.stock, old...)
			p.stocks += len(old)
		} else {
			p.push(&p.free, old...)
		}
		copy(k.handles[:rest], k.handles[len(old):k.n])
		setCount(&k.n, rest)
	}
	if k.waits >= min(k.room(), p.mostWaits) {
		p.moveWaiting(k)
	}
}

// Free ends the object of a handle, where that takes a few instructions: in memory that needs
// neither a record nor checks. It returns false, and has done nothing, where it takes Release.
func (p *Pool) Free(h uint64) bool {
	i := uintptr(Index(h))
	if i >= p.Cap || p.End(i) > p.Limits.Writable() {
		return false
	}
	w := p.Word(i)
	// The word is read before the shard is locked: a processor does not look ahead over the lock.
	word := Load(w)
	p.Shadows.Freeing(h, word)
	if Generation(word) != Generation(h) || word&LiveBits != OneGeneration || Generation(h) >= LastLive {
		return false
	}
	s := p.near()
	if !s.lockNow() {
		s = p.pick()
	}
	done := s.n < MagazineSize && atomic.CompareAndSwapUint64(w, word, uint64(Generation(h)+1)<<32)
	if done {
		s.Put(h)
	}
	s.unlock()
	return done
}

// Release ends the object of a handle, whose word at w was found to be word, and adds the slot to
// own, the magazine of a cache, or to a shard if own is nil. done is false where nothing was done,
// since the word has changed or room had to be made: the caller looks at the word again.
func (p *Pool) Release(own *Magazine, w *uint64, word, h uint64) (done bool, err error) {
	if own != nil && own.full(p.mostWaits) {
		p.spill(own, nil)
		if own.room() > 0 {
			return false, nil
		}
		own = nil
	}
	if own != nil {
		return p.releaseTo(own, w, word, h)
	}
	s := p.near()
	if !s.lockNow() {
		s = p.pick()
	}
	if s.full(p.mostWaits) {
		s.unlock()
		p.spill(&s.Magazine, s)
		return false, nil
	}
	// The object ends while the shard is locked: ErrFull, which takes all locks, is never returned
	// while a slot is on its way. That may fault, where a file was cut off.
	defer s.unlock()
	return p.releaseTo(&s.Magazine, w, word, h)
}

// releaseTo ends an object, unless its word changed since it was word, and puts the slot where it
// belongs. k has room.
func (p *Pool) releaseTo(k *Magazine, w *uint64, word, h uint64) (done bool, err error) {
	dead, err := p.markFreed(w, word, h)
	if dead == 0 || err != nil {
		return false, err
	}
	next := dead + OneGeneration + uint64(Index(h)) // the handle of the next object
	switch {
	case Generation(dead) == Retired:
		p.retired.Add(1)
	case p.Durable:
		k.pushWaiting(next)
	default:
		k.push(next)
	}
	setCount(&k.frees, k.frees+1)
	p.Backing.Released(h) // last: it may fault
	return true, nil
}

// markFreed ends an object and returns the slot's word from here on, with which the handle is
// stale. It returns 0 if the word has changed since it was word. In a file the object ends first:
// anyone who finds the handle stale and calls Sync has that on the device.
func (p *Pool) markFreed(w *uint64, word, h uint64) (dead uint64, err error) {
	p.Shadows.Freeing(h, word)
	if !p.Durable {
		dead = uint64(Generation(h)+1) << 32
		if !atomic.CompareAndSwapUint64(w, word, dead) {
			return 0, nil
		}
		return dead, nil
	}
	if !atomic.CompareAndSwapUint64(w, word, word|Busy) {
		return 0, nil
	}
	next := word // an error, or a fault where the file was cut off, leaves the object alive
	defer func() { order.Publish(w, next) }()
	after := p.Backing.After(Index(h), Generation(h))
	if err = p.Backing.Record(Index(h), after); err != nil {
		return 0, err
	}
	next = uint64(after) << 32
	return next, nil
}

// FreeUnused counts the end of an object that was elsewhere, and returns the slot that was
// allocated for it.
func (p *Pool) FreeUnused(h uint64) { p.putBack(h, &p.freed) }
