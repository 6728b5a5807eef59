package slab_test

import (
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/typedmem/typedmem/slab"
)

// A handle names one object: after Free it is stale, though the slot is used again.
func ExampleSlab() {
	orders, err := slab.New[order](1000)
	if err != nil {
		log.Fatal(err)
	}
	defer orders.Close()
	h, err := orders.Insert(order{ID: 7, Qty: 100})
	if err != nil {
		log.Fatal(err)
	}
	o, err := orders.Load(h)
	fmt.Println(o, err)
	fmt.Println(orders.Free(h))
	_, err = orders.Load(h)
	fmt.Println(errors.Is(err, slab.ErrStale))
	// Output:
	// {7 100} <nil>
	// <nil>
	// true
}

// Alloc gives an object of zeros; Ptr is the raw way to it.
func ExampleSlab_Alloc() {
	orders, err := slab.New[order](1000)
	if err != nil {
		log.Fatal(err)
	}
	defer orders.Close()
	h, err := orders.Alloc()
	if err != nil {
		log.Fatal(err)
	}
	o, err := orders.Ptr(h)
	if err != nil {
		log.Fatal(err)
	}
	o.Qty += 5 // plain memory: it is for the program to keep other goroutines away
	fmt.Println(orders.Load(h))
	// Output: {0 5} <nil>
}

// A goroutine that allocates and frees often has a Cache of its own.
func ExampleSlab_Cache() {
	orders, err := slab.New[order](1000)
	if err != nil {
		log.Fatal(err)
	}
	defer orders.Close()
	cache := orders.Cache()
	defer cache.Close()
	for i := range 100 {
		h, err := cache.Insert(order{ID: int64(i)})
		if err != nil {
			log.Fatal(err)
		}
		if i%10 != 0 {
			if err := cache.Free(h); err != nil {
				log.Fatal(err)
			}
		}
	}
	fmt.Println(orders.Len())
	// Output: 10
}

// Objects in a file keep their handles.
func ExampleOpenMut() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "orders.tm")
	orders, err := slab.Create[order](path, 1000)
	if err != nil {
		log.Fatal(err)
	}
	h, err := orders.Insert(order{ID: 7, Qty: 100})
	if err != nil {
		log.Fatal(err)
	}
	if err := errors.Join(orders.Sync(), orders.Close()); err != nil { // on the device from here on
		log.Fatal(err)
	}

	orders, err = slab.OpenMut[order](path)
	if err != nil {
		log.Fatal(err)
	}
	defer orders.Close()
	fmt.Println(orders.Load(h))
	// Output: {7 100} <nil>
}

// With Debug a slab tells where the objects were allocated that nobody freed.
func ExampleSlab_Leaks() {
	orders, err := slab.With[order](100, slab.Config{Debug: true})
	if err != nil {
		log.Fatal(err)
	}
	defer orders.Close()
	h, err := orders.Insert(order{ID: 7})
	if err != nil {
		log.Fatal(err)
	}
	leaks := orders.Leaks()
	fmt.Println(len(leaks), leaks[0].Bytes, leaks[0].Handles[0] == h)
	// Output: 1 16 true
}

// A handle is a number that can be kept anywhere.
func ExampleHandleFrom() {
	orders, err := slab.New[order](1000)
	if err != nil {
		log.Fatal(err)
	}
	defer orders.Close()
	h, err := orders.Insert(order{ID: 7})
	if err != nil {
		log.Fatal(err)
	}
	kept := h.Uint64()
	fmt.Println(orders.Has(slab.HandleFrom[order](kept)), orders.Has(slab.HandleFrom[order](kept+1)))
	// Output: true false
}
