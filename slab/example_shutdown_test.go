package slab_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/slab"
)

// An address stays valid while the slab is pinned: Close is refused.
func ExampleSlab_Pin() {
	s, err := slab.New[[2]int64](10)
	if err != nil {
		log.Fatal(err)
	}
	h, err := s.Insert([2]int64{1, 2})
	if err != nil {
		log.Fatal(err)
	}
	unpin, err := s.Pin()
	if err != nil {
		log.Fatal(err)
	}
	p, err := s.Ptr(h)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(errors.Is(s.Close(), typedmem.ErrBusy), p[1])
	unpin()
	fmt.Println(s.Close())
	// Output:
	// true 2
	// <nil>
}

// Shutdown waits for the pins that Close refuses to wait for, until its context ends.
func ExampleSlab_Shutdown() {
	s, err := slab.New[int64](10)
	if err != nil {
		log.Fatal(err)
	}
	unpin, err := s.Pin()
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	fmt.Println(errors.Is(s.Shutdown(ctx), context.Canceled))
	unpin()
	fmt.Println(s.Shutdown(context.Background()))
	// Output:
	// true
	// <nil>
}
