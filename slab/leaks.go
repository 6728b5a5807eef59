package slab

import (
	"cmp"
	"slices"
	"strings"

	"github.com/typedmem/typedmem/internal/slots"
)

// Leak is a group of live objects that one place in the program allocated.
type Leak[T any] struct {
	Stack   string      // of the allocations
	Handles []Handle[T] // of the objects
	Bytes   int         // that they take together
}

// Leaks returns all live objects by the place where they were allocated, most bytes first. It needs
// debug mode (Config.Debug); without it Leaks returns only the objects in guard slots. After Close
// it returns the objects that lived at the end.
func (s *Slab[T]) Leaks() []Leak[T] {
	c := s.inner()
	by := map[stack]*Leak[T]{}
	add := func(l life) {
		if by[l.alloc] == nil {
			by[l.alloc] = &Leak[T]{Stack: l.alloc.String()}
		}
		leak := by[l.alloc]
		leak.Handles = append(leak.Handles, Handle[T]{l.handle})
		leak.Bytes += int(c.pool.Size)
	}
	c.lives.mu.Lock()
	for _, l := range c.lives.last {
		if l.free[0] == 0 {
			add(l)
		}
	}
	c.lives.mu.Unlock()
	c.guards.each(add)
	var all []Leak[T]
	for _, l := range by {
		slices.SortFunc(l.Handles, func(a, b Handle[T]) int { return cmp.Compare(slots.Index(a.Bits), slots.Index(b.Bits)) })
		all = append(all, *l)
	}
	slices.SortFunc(all, func(a, b Leak[T]) int { return cmp.Or(b.Bytes-a.Bytes, strings.Compare(a.Stack, b.Stack)) })
	return all
}
