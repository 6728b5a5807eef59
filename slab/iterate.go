package slab

import "iter"

// All yields handle and address of every object, in the order of the slots. Objects may be made and freed meanwhile, by the loop's own body too: one that lives
// through the whole iteration is yielded once, one that is made or freed during it once or not at all. The address is raw memory, as of Ptr. The
// iteration ends where the memory cannot be read any more.
func (s *Slab[T]) All() iter.Seq2[Handle[T], *T] {
	return func(yield func(Handle[T], *T) bool) {
		c := s.core
		if c == nil {
			return
		}
		c.limits.Lend()
		for i := uintptr(0); i < c.n; i++ {
			if i >= uintptr(c.pool.used.Load()) {
				if c.file != nil {
					c.file.follow(c, i)
				}
				if i >= uintptr(c.pool.used.Load()) {
					break
				}
			}
			if !c.reachable(i) {
				return
			}
			word := loadWord(wordAt(c.words, i))
			// SAFETY: slot i is readable and holds an object.
			if isLive(word) && !yield(Handle[T]{word&^(oneGeneration-1) | uint64(i)}, (*T)(c.slot(i))) {
				return
			}
		}
		if c.care == nil {
			return
		}
		var handles []uint64
		c.care.guards.each(func(l life) { handles = append(handles, l.handle) })
		for _, h := range handles {
			if p, err := c.care.guards.lend("all", h, c); err == nil && !yield(Handle[T]{h}, (*T)(p)) {
				return
			}
		}
	}
}
