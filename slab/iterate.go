package slab

import (
	"iter"
	"runtime"
	"unsafe"

	"github.com/typedmem/typedmem/internal/slots"
)

// All yields handle and address of every object, in the order of the slots. Objects may be
// allocated and freed meanwhile, by the loop's own body too. One that lives through the whole
// iteration is yielded once, one that is allocated or freed during it once or not at all. The
// iteration ends if the memory cannot be read any more.
//
// The address is raw memory. It is valid while the object lives and the slab is open. The collector
// releases a slab that nothing refers to, even if such addresses are left: keep the Slab, or take
// the address from [Slab.Ptr], which prevents that. [Slab.Values] yields copies.
func (s *Slab[T]) All() iter.Seq2[Handle[T], *T] {
	return func(yield func(Handle[T], *T) bool) {
		c := s.inner()
		defer runtime.KeepAlive(s) // the loop uses memory that goes with it
		for h, p := range c.objects {
			c.pool.Shadows.Seen(h) // others made the object; that its address is used is not known
			if !yield(Handle[T]{h}, (*T)(p)) {
				return
			}
		}
	}
}

// Values yields handle and value of every object, in the order of the slots. Each value is a whole
// copy, as [Slab.Load] returns it. Objects may be made, changed and freed meanwhile, as in
// [Slab.All]; one that is freed before it is copied is not yielded. The iteration ends where the
// memory cannot be read any more. A T with sync/atomic fields has no copies: nothing is yielded.
func (s *Slab[T]) Values() iter.Seq2[Handle[T], T] {
	return func(yield func(Handle[T], T) bool) {
		for h := range s.inner().objects {
			if x, err := s.Load(Handle[T]{h}); err == nil && !yield(Handle[T]{h}, x) {
				return
			}
		}
	}
}

// objects yields handle and address of every object.
func (c *core) objects(yield func(h uint64, p unsafe.Pointer) bool) {
	for i := uintptr(0); i < c.pool.Cap; i++ {
		if c.follow(i); i >= uintptr(c.pool.Used()) {
			break
		}
		if n, idle := c.pool.IdleBlock(i); idle {
			i += n - 1
			continue
		}
		if !c.pool.Readable(i) {
			return
		}
		word := slots.Load(c.pool.Word(i))
		// SAFETY: slot i is readable and holds an object.
		if slots.IsLive(word) && !yield(word&^(slots.OneGeneration-1)|uint64(i), c.pool.Slot(i)) {
			return
		}
	}
	var handles []uint64
	c.guards.each(func(l life) { handles = append(handles, l.handle) })
	for _, h := range handles {
		if p, err := c.guards.lend(h, false); err == nil && !yield(h, p) {
			return
		}
	}
}
