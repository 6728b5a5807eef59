// The inline program uses each fast path of the slab. The tests of package slab ask the compiler
// what it inlines here.
package main

import "github.com/typedmem/typedmem/slab"

type object struct{ A, B uint64 }

func main() {
	s, err := slab.New[object](1)
	if err != nil {
		panic(err)
	}
	c := s.Cache()
	for _, alloc := range []func() (slab.Handle[object], error){s.Alloc, c.Alloc} {
		h, err := alloc()
		if err == nil {
			err = s.Store(h, object{})
		}
		if err == nil {
			_, err = s.Load(h)
		}
		if err == nil {
			err = c.Free(h)
		}
		if err != nil {
			panic(err)
		}
	}
}
