// The copies program copies what must not be copied. The tests of package slab have go vet look at
// it.
package main

import "github.com/typedmem/typedmem/slab"

func main() {
	var s slab.Slab[int]
	t := s
	_ = t.Len()
	c := s.Cache()
	d := *c
	_ = d.Close()
}
